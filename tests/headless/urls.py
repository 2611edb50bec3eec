"""The login views of the attacks, and the headless API with the endpoints of this package."""

from django.apps import apps
from django.urls import include, path

from tests.attacks.urls import urlpatterns as login_views

urlpatterns = [*login_views, path("_allauth/", include("allauth_2fa.headless.urls"))]
if apps.is_installed("allauth.mfa"):
    from allauth.mfa.base.views import trust

    # allauth has this page only where a setting was there at import.
    urlpatterns.append(path("accounts/2fa/trust/", trust, name="mfa_trust"))
