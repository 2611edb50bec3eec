"""The login views of the attacks, and the headless API with the endpoints of this package."""

from django.urls import include, path

from tests.attacks.urls import urlpatterns as login_views

urlpatterns = [*login_views, path("_allauth/", include("allauth_2fa.headless.urls"))]
