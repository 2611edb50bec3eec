"""An admin site that nobody enters without a second factor."""

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
from allauth_2fa.factors import registry

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class TwoFactorAdminSite(AdminSite):
    """The site for ``AdminConfig.default_site = "allauth_2fa.admin.site.TwoFactorAdminSite"``, or to derive one's own from."""

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        secure_admin_site(self)


def secure_admin_site(site: AdminSite) -> AdminSite:
    """Send logins of an admin site through allauth, and open the site to verified sessions of staff alone.

    ``secure_admin_site(admin.site)`` in the project's ``urls.py`` is all that is needed. Staff who are logged in and may
    not enter get a page that says why, and never a redirect in a circle.

    Args:
        site: the site, changed in place.

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
    """Return whether the session has answered a challenge; without django-otp's middleware nobody has."""
    is_verified = getattr(request.user, "is_verified", None)
    return bool(is_verified and is_verified())


def _can_verify(request: HttpRequest) -> bool:
    """Return whether the user has a factor that was not asked for in this session: it was let pass by a trusted browser, say.

    Without django-otp's middleware an answer would not help, and the user would be led in a circle.
    """
    return hasattr(request.user, "is_verified") and registry.has_primary(request.user)  # type: ignore[arg-type]


def _leading_back(url: str, request: HttpRequest, index: str) -> str:
    """Return the URL with ``next``: where the visitor of the site was going."""
    return f"{url}?{urlencode({REDIRECT_FIELD_NAME: request.GET.get(REDIRECT_FIELD_NAME) or index})}"


def _refused(request: HttpRequest, reason: str, index: str) -> HttpResponse:
    context = {"reason": reason, "setup_url": _leading_back(reverse("two-factor-setup"), request, index)}
    return render(request, f"allauth_2fa/admin_refused.{app_settings.TEMPLATE_EXTENSION}", context, status=403)
