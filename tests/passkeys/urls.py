"""The pages of the test project, and the one at which browsers ask which origins may use its passkeys."""

from django.urls import path

from allauth_2fa.views import RelatedOrigins
from tests.urls import urlpatterns as pages

urlpatterns = [path(".well-known/webauthn", RelatedOrigins.as_view()), *pages]
