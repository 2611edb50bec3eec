"""The URLs of allauth's headless API with ours among them.

Include them instead of allauth's own: ``path("_allauth/", include("allauth_2fa.headless.urls"))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import include, path

from . import compat
from .views import authenticate, config

if TYPE_CHECKING:
    from django.urls import URLPattern, URLResolver


def _of_mfa(client: compat.Client) -> list[URLPattern]:
    """Return the endpoints of the second factor, by the names that ``allauth.mfa`` gives them."""
    return [path("auth/2fa/authenticate", authenticate.AuthenticateView.as_api_view(client=client), name="authenticate")]


def _patterns(client: compat.Client) -> list[URLResolver]:
    return [compat.endpoints(client, [path("config", config.ConfigView.as_api_view(client=client), name="config")], _of_mfa(client))]


app_name = "headless"
urlpatterns = [
    *(path(f"{client.value}/", include((_patterns(client), "headless"), namespace=client.value)) for client in compat.clients()),
    *compat.specification(),
]
