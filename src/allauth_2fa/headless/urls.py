"""The URLs of allauth's headless API with ours among them.

Include them instead of allauth's own: ``path("_allauth/", include("allauth_2fa.headless.urls"))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import include, path

from . import compat as api
from .views.authenticate import AuthenticateView, AuthenticateWebAuthnView
from .views.config import ConfigView
from .views.passkeys import LoginWebAuthnView, SignupWebAuthnView
from .views.reauthenticate import ReauthenticateView, ReauthenticateWebAuthnView

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver


OF_MFA: tuple[tuple[str, type[api.View], str], ...] = (
    ("auth/2fa/authenticate", AuthenticateView, "authenticate"),
    ("auth/2fa/reauthenticate", ReauthenticateView, "reauthenticate"),
    ("auth/webauthn/authenticate", AuthenticateWebAuthnView, "authenticate_webauthn"),
    ("auth/webauthn/reauthenticate", ReauthenticateWebAuthnView, "reauthenticate_webauthn"),
    ("auth/webauthn/login", LoginWebAuthnView, "login_webauthn"),
    ("auth/webauthn/signup", SignupWebAuthnView, "signup_webauthn"),
)
"""The path, the view and the name of each endpoint of the second factor, as ``allauth.mfa`` has them."""


def _of_mfa(client: api.Client) -> list[URLPattern]:
    return [path(route, view.as_api_view(client=client), name=name) for route, view, name in OF_MFA]


def _patterns(client: api.Client) -> list[URLResolver]:
    return [api.endpoints(client, [path("config", ConfigView.as_api_view(client=client), name="config")], _of_mfa(client))]


app_name = "headless"
urlpatterns = [
    *(path(f"{client.value}/", include((_patterns(client), "headless"), namespace=client.value)) for client in api.clients()),
    *api.specification(),
]
