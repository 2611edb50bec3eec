"""The pages of the test project, and django-otp-webauthn's own, which the documentation says not to include."""

from django.urls import include, path

from tests.urls import urlpatterns as pages

urlpatterns = [path("stock/", include("django_otp_webauthn.urls", namespace="otp_webauthn")), *pages]
