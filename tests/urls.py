"""The pages of the test project: those of 0.x's installation, the admin, and one that asks who is there."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def home(request: HttpRequest) -> HttpResponse:
    """Say who is logged in."""
    return HttpResponse(f"user: {request.user}", content_type="text/plain")


def plain(_request: HttpRequest) -> HttpResponse:
    """Ask for nobody."""
    return HttpResponse("plain", content_type="text/plain")


urlpatterns = [
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("plain/", plain, name="plain"),
    path("", home, name="home"),
]
