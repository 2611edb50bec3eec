"""The pages of this package: path, view and URL name of each, and the error for a URLconf that lacks one.

The first four have the paths of 0.x. All others are below ``factors/``, so that with any prefix none of them replaces a page
of allauth, or the site's home page.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, get_script_prefix, reverse

from . import compat

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL_PREFIX = "accounts/two-factor/"
"""The prefix that the documentation uses."""

FIRST_PATH = "authenticate/"
"""The path of a page that every site has; the site's prefix is derived from it."""

MISSING = re.compile(r"Reverse for '([^']+)' not found\. '\1' is not a valid")
"""Django's message for a name that no pattern has. The message for wrong arguments is another one."""


class Route(NamedTuple):
    """One page."""

    path: str
    view: str
    """The name of the class in ``allauth_2fa.views``."""
    name: str

    def line(self) -> str:
        """Return the line to add to a URLconf that lists the pages one by one."""
        return f'path("{_prefix()}{self.path}", allauth_2fa.views.{self.view}.as_view(), name="{self.name}")'


ROUTES = (
    Route(FIRST_PATH, "TwoFactorAuthenticate", "two-factor-authenticate"),
    Route("setup/", "TwoFactorSetup", "two-factor-setup"),
    Route("backup-tokens/", "TwoFactorBackupTokens", "two-factor-backup-tokens"),
    Route("remove/", "TwoFactorRemove", "two-factor-remove"),
    Route("factors/", "TwoFactorOverview", "two-factor-overview"),
    Route("factors/reauthenticate/", "TwoFactorReauthenticate", "two-factor-reauthenticate"),
    Route("factors/events/", "TwoFactorEvents", "two-factor-events"),
    Route("factors/browsers/", "TwoFactorBrowsers", "two-factor-browsers"),
    Route("factors/add/<str:factor>/", "TwoFactorAdd", "two-factor-add"),
    Route("factors/add-passkey/", "TwoFactorAddPasskey", "two-factor-add-passkey"),
    Route("factors/passkey-login/", "TwoFactorPasskeyLogin", "two-factor-passkey-login"),
    Route("factors/enroll/", "TwoFactorEnroll", "two-factor-enroll"),
    Route("factors/rename/<path:device>/", "TwoFactorRename", "two-factor-rename"),
    Route("factors/prefer/<path:device>/", "TwoFactorPrefer", "two-factor-prefer"),
    Route("factors/remove/<path:device>/", "TwoFactorRemoveDevice", "two-factor-remove-device"),
)

ROUTES_WITHOUT_MFA = (
    # allauth's account menu links to the page with this name.
    Route("factors/", "TwoFactorOverview", "mfa_index"),
    # allauth redirects to this name when a user has a second factor.
    Route("factors/reauthenticate/", "TwoFactorReauthenticate", compat.REAUTHENTICATION_PAGE),
)
"""Second names of two pages, used if ``allauth.mfa`` is not installed; otherwise its pages have these names."""


def routes() -> tuple[Route, ...]:
    """Return the pages of this site."""
    return ROUTES if compat.mfa_installed() else (*ROUTES, *ROUTES_WITHOUT_MFA)


@contextmanager
def naming_missing() -> Iterator[None]:
    """Run the block; if it needs a page of ours that the URLconf lacks, raise an error that names the line to add.

    Raises:
        ImproperlyConfigured: the page is missing.
    """
    try:
        yield
    except NoReverseMatch as error:
        ensure_named(error)
        raise


def are_served() -> bool:
    """Return whether the site has our pages. One that serves allauth's headless API alone need not have them."""
    if not compat.headless_only():
        return True
    try:
        return bool(reverse("two-factor-authenticate"))
    except NoReverseMatch:
        return False


def ensure_named(error: Exception) -> None:
    """Raise an error that names the line to add, if ``error`` says that the URLconf lacks one of our pages.

    Raises:
        ImproperlyConfigured: the page is missing.
    """
    found = MISSING.match(str(error)) if isinstance(error, NoReverseMatch) else None
    route = next((route for route in routes() if found and route.name == found[1]), None)
    if route is not None:
        message = f"The URLconf has no page named '{route.name}'. Add: {route.line()}"
        raise ImproperlyConfigured(message) from error


def _prefix() -> str:
    try:
        place = reverse("two-factor-authenticate")
    except NoReverseMatch:
        return USUAL_PREFIX
    return place.removeprefix(get_script_prefix()).removesuffix(FIRST_PATH)
