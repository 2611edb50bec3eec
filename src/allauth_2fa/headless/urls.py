"""The URLs of allauth's headless API with ours among them.

Include them instead of allauth's own: ``path("_allauth/", include("allauth_2fa.headless.urls"))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import include, path

from . import compat as api
from .views.authenticate import AuthenticateView, AuthenticateWebAuthnView, TrustView
from .views.authenticators import AuthenticatorsView
from .views.config import ConfigView
from .views.manage_passkeys import ManageWebAuthnView
from .views.manage_totp import ManageTOTPView
from .views.passkeys import LoginWebAuthnView, SignupWebAuthnView
from .views.reauthenticate import ReauthenticateView, ReauthenticateWebAuthnView
from .views.recovery_codes import ManageRecoveryCodesView

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver


Endpoint = tuple[str, type[api.View | api.StageView], str]

OF_MFA: tuple[Endpoint, ...] = (
    ("auth/2fa/authenticate", AuthenticateView, "authenticate"),
    ("auth/2fa/reauthenticate", ReauthenticateView, "reauthenticate"),
    ("auth/webauthn/authenticate", AuthenticateWebAuthnView, "authenticate_webauthn"),
    ("auth/webauthn/reauthenticate", ReauthenticateWebAuthnView, "reauthenticate_webauthn"),
    ("auth/webauthn/login", LoginWebAuthnView, "login_webauthn"),
    ("auth/webauthn/signup", SignupWebAuthnView, "signup_webauthn"),
    ("account/authenticators", AuthenticatorsView, "authenticators"),
    ("account/authenticators/totp", ManageTOTPView, "manage_totp"),
    ("account/authenticators/recovery-codes", ManageRecoveryCodesView, "manage_recovery_codes"),
    ("account/authenticators/webauthn", ManageWebAuthnView, "manage_webauthn"),
)
"""The path, the view and the name of each endpoint of the second factor, as ``allauth.mfa`` has them."""


TRUST: Endpoint = ("auth/2fa/trust", TrustView, "trust")
"""The same for what a client with cookies alone can ask: there is nothing to trust in the others."""


def _of_mfa(client: api.Client) -> list[URLPattern]:
    those = [*OF_MFA, TRUST] if client is api.Client.BROWSER else OF_MFA
    return [path(route, view.as_api_view(client=client), name=name) for route, view, name in those]


def _patterns(client: api.Client) -> list[URLResolver]:
    return [api.endpoints(client, [path("config", ConfigView.as_api_view(client=client), name="config")], _of_mfa(client))]


app_name = "headless"
urlpatterns = [
    *(path(f"{client.value}/", include((_patterns(client), "headless"), namespace=client.value)) for client in api.clients()),
    *api.specification(),
]
