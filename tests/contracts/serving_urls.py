"""The pages of a site without the admin."""

from django.urls import include, path

urlpatterns = [path("accounts/two-factor/", include("allauth_2fa.urls")), path("accounts/", include("allauth.urls"))]
