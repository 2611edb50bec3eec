"""One page in the admin about the second factor of one user: how it stands, devices, browsers, locks, events, and what support can do.

Django's page of a user leads there by ``admin/auth/user/change_form.html``, which Django looks for and does not have itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from allauth_2fa import app_settings
from allauth_2fa.audit import log
from allauth_2fa.audit.events import EVENTS
from allauth_2fa.browsers import trust
from allauth_2fa.budget import charging
from allauth_2fa.devices import manage, recovery_codes
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models import Browser
from allauth_2fa.requirement import policy

from .support import TITLES, SupportActions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib import admin
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from allauth_2fa.models.audit import AuditEntry

URL_NAME = "allauth_2fa_user"

LAST_EVENTS = 20
"""Events on the page; the list of the audit log has all."""


class UserPage(SupportActions):
    """Mixin for the admin page of the audit log, which serves the page of a user at ``user/KEY/`` below it.

    Each part needs the permission that its own list needs, and each action that of the action.
    """

    actions: Any = ()
    admin_site: admin.AdminSite
    has_view_permission: Any

    def get_urls(self) -> list[Any]:
        """Return the URLs of the lists, and that of the page."""
        page = self.admin_site.admin_view(self.user_view)
        return [path("user/<str:key>/", page, name=URL_NAME), *super().get_urls()]  # type: ignore[misc]

    def user_view(self, request: HttpRequest, key: str) -> HttpResponseBase:
        """Show the page, or do what a button of it asks for."""
        offered = [action for action in SupportActions.actions if self.may(request, action)]
        if not offered and not self.may_see_parts(request):
            # Before the user is looked up: staff who may see nothing do not learn which users there are.
            raise PermissionDenied
        owner = _find(key)
        action = request.POST.get("action")
        if action is not None:
            if action not in offered:
                raise PermissionDenied
            users = get_user_model()._default_manager.filter(pk=owner.pk)
            response: HttpResponse | None = getattr(self, action)(request, users)
            return response or HttpResponseRedirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Two-factor authentication of %(user)s") % {"user": owner},
            "owner": owner,
            "offered": [(action, TITLES[action]) for action in offered],
            **self.parts(request, owner),
        }
        return TemplateResponse(request, f"allauth_2fa/admin_user.{app_settings.TEMPLATE_EXTENSION}", context)

    def may(self, request: HttpRequest, action: str) -> bool:
        """Return whether the signed-in staff may do that to users."""
        return all(getattr(self, f"has_{needed}_permission")(request) for needed in getattr(self, action).allowed_permissions)

    def may_see_parts(self, request: HttpRequest) -> bool:
        """Return whether the signed-in staff may see any part of the page."""
        models = [Browser, *(factor.model for factor in registry.primaries())]
        return self.has_view_permission(request) or any(self._may_view(request, model) for model in models)

    def parts(self, request: HttpRequest, owner: AbstractBaseUser) -> dict[str, Any]:
        """Return those parts of the page that the signed-in staff may see."""
        shown: dict[str, Any] = {}
        devices = list(self._devices(request, owner))
        if any(self._may_view(request, factor.model) for factor in registry.primaries()):
            shown |= {"devices": devices, "codes_left": recovery_codes.left(owner), "requirement": policy.requirement_of(owner)}
        if self._may_view(request, Browser):
            rows = Browser.objects.filter(user_id=owner.pk).order_by("-last_seen_at")
            shown["browsers"] = [(self._change_url(row), row, trust.is_trusted(owner, row)) for row in rows]
            shown["locks"] = [(budget, budget.lock and budget.lock.until) for budget in charging.locked(owner)]
        if self.has_view_permission(request):
            shown["events"] = [(_label(row), row) for row in log.recent(owner, LAST_EVENTS)]
        return shown

    def _devices(self, request: HttpRequest, owner: AbstractBaseUser) -> Iterator[dict[str, Any]]:
        for device in lookup.primary_devices(owner):
            if self._may_view(request, type(device)):
                yield {**manage.described(device), "change_url": self._change_url(device)}

    def _may_view(self, request: HttpRequest, model: Any) -> bool:
        page = self.admin_site._registry.get(model)  # noqa: SLF001 - there is no public way on Django 5.2
        return page is not None and page.has_view_permission(request)

    def _change_url(self, row: Any) -> str:
        name = f"{self.admin_site.name}:{row._meta.app_label}_{row._meta.model_name}_change"
        return reverse(name, args=[row.pk])


def _find(key: str) -> AbstractBaseUser:
    """Return the user of that key, or raise ``Http404``."""
    users = get_user_model()
    try:
        owner = users._default_manager.filter(pk=users._meta.pk.to_python(key)).first()
    except (ValidationError, OverflowError):
        owner = None
    if owner is None:
        raise Http404
    return owner


def _label(row: AuditEntry) -> Any:
    return EVENTS[row.event].label if row.event in EVENTS else row.event
