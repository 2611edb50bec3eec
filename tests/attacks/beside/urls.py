"""The login views, and the headless API where it is installed."""

from django.apps import apps
from django.urls import include, path

from tests.attacks.urls import urlpatterns as login_views

urlpatterns = [*login_views]
if apps.is_installed("allauth.headless"):
    urlpatterns.append(path("_allauth/", include("allauth.headless.urls")))
