"""The pages of the test project: those of 0.x's installation, the admin, and one that asks who is there."""

from django.contrib import admin
from django.contrib.auth import authenticate, login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


def home(request: HttpRequest) -> HttpResponse:
    """Say who is logged in."""
    return HttpResponse(f"user: {request.user}", content_type="text/plain")


def plain(_request: HttpRequest) -> HttpResponse:
    """Ask for nobody."""
    return HttpResponse("plain", content_type="text/plain")


def cookie(request: HttpRequest) -> HttpResponse:
    """Say who is logged in, with a cookie."""
    response = home(request)
    response.set_cookie("taste", "sweet")
    return response


@login_required
def private(request: HttpRequest) -> HttpResponse:
    """Say who is logged in, to those who are."""
    return home(request)


WHAT_THE_VIEW_SAW: list[str | None] = []


@csrf_exempt
def home_made_login(request: HttpRequest) -> HttpResponse:
    """Log in as many projects do, and note what the view sees after it."""
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    WHAT_THE_VIEW_SAW[:] = [str(request.user), request.session.get("_auth_user_id")]
    return HttpResponseRedirect(request.GET.get("next", "/"))


urlpatterns = [
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("plain/", plain, name="plain"),
    path("private/", private, name="private"),
    path("cookie/", cookie, name="cookie"),
    path("logins/django/", LoginView.as_view(template_name="allauth/layouts/base.html"), name="django-login"),
    path("logins/home-made/", home_made_login, name="home-made-login"),
    path("", home, name="home"),
]
