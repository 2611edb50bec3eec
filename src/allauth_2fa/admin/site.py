"""An admin site that requires a verified session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.admin.sites import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from allauth_2fa import app_settings
from allauth_2fa.devices import manage
from allauth_2fa.factors import lookup

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class TwoFactorAdminSite(AdminSite):
    """An admin site for ``AdminConfig.default_site = "allauth_2fa.admin.site.TwoFactorAdminSite"``, or as a base class."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        secure_admin_site(self)


def secure_admin_site(site: AdminSite) -> AdminSite:
    """Send logins of an admin site through allauth, and open the site only to verified sessions of staff.

    Call ``secure_admin_site(admin.site)`` in the project's ``urls.py``. A signed-in user who may not enter gets a page that
    says why, so there is no redirect loop.

    Args:
        site: the site; it is changed in place.

    Returns:
        The same site.
    """
    if getattr(site, "is_two_factor_secured", False):
        return site
    allows = site.has_permission

    def has_permission(request: HttpRequest) -> bool:
        return bool(allows(request)) and _is_verified(request)

    @never_cache
    def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        index = reverse("admin:index", current_app=site.name)
        if has_permission(request):
            return HttpResponseRedirect(index)
        if request.user.is_authenticated and allows(request) and _can_verify(request):
            return HttpResponseRedirect(_leading_back(reverse("two-factor-reauthenticate"), request, index))
        if request.user.is_authenticated:
            return _refused(request, "no_factor" if allows(request) else "not_staff", index)
        return HttpResponseRedirect(_leading_back(reverse("account_login"), request, index))

    site.has_permission = has_permission  # type: ignore[method-assign]
    site.login = login  # type: ignore[method-assign]
    site.is_two_factor_secured = True  # type: ignore[attr-defined]
    return site


def _is_verified(request: HttpRequest) -> bool:
    """Return whether the session is verified; always False without django-otp's middleware."""
    is_verified = getattr(request.user, "is_verified", None)
    return bool(is_verified and is_verified())


def _can_verify(request: HttpRequest) -> bool:
    """Return whether the user has a factor to verify the session with; a login in a trusted browser leaves it unverified.

    Return False without django-otp's middleware: a session could never become verified, and the redirects would loop.
    """
    return hasattr(request.user, "is_verified") and lookup.has_primary(request.user)  # type: ignore[arg-type]


def _leading_back(url: str, request: HttpRequest, index: str) -> str:
    """Return the URL with ``next`` set to the page that the visitor has asked for."""
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: request.GET.get(REDIRECT_FIELD_NAME) or index})}"


def _setup_page(user: Any) -> str:
    """Return the page that sets up the only factor that the user can add, or the overview if there is a choice."""
    choices = manage.addable(user)
    return reverse((choices[0].first_page if len(choices) == 1 else "") or "two-factor-overview")


def _refused(request: HttpRequest, reason: str, index: str) -> HttpResponse:
    context = {"reason": reason, "setup_url": _leading_back(_setup_page(request.user), request, index)}
    return render(request, f"allauth_2fa/admin_refused.{app_settings.TEMPLATE_EXTENSION}", context, status=403)
