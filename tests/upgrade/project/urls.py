"""The shop's URLs: its own subclasses before the included ones, its pages in a namespace, the admin as 0.x guards it."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.upgrade.project import views
from tests.urls import home


def page(request: HttpRequest) -> HttpResponse:
    """Say where one is."""
    return HttpResponse(f"{request.path} {request.user}", content_type="text/plain")


shop = [
    path("welcome/", views.Welcome.as_view(), name="welcome"),
    path("help/", page, name="help"),
    path("till/", page, name="till"),
    path("vault/", views.Vault.as_view(), name="vault"),
    path("cellar/", views.Cellar.as_view(), name="cellar"),
    path("attic/", views.Attic.as_view(), name="attic"),
    path("setup/", views.ShopSetup.as_view(), name="setup"),
    path("tokens/", views.ShopBackupTokens.as_view(), name="tokens"),
    path("remove/", views.ShopRemove.as_view(), name="remove"),
]

urlpatterns = [
    path("accounts/two-factor/authenticate/", views.ShopAuthenticate.as_view(), name="two-factor-authenticate"),
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("help/", page, name="help"),
    path("shop/", include((shop, "shop"))),
    path("", home, name="home"),
]
