"""The URLs of a site without an admin."""

from django.urls import include, path

from tests.upgrade.sites.pages import home

urlpatterns = [
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("", home, name="home"),
]
