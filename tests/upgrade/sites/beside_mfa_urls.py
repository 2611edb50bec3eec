"""The URLs of a site with the headless API."""

from django.urls import include, path

from tests.upgrade.sites import plain_urls

urlpatterns = [*plain_urls.urlpatterns, path("_allauth/", include("allauth.headless.urls"))]
