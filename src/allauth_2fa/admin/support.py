"""Admin actions for support on the pages of devices, browsers and locks. Each action asks for a reason first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from allauth_2fa import app_settings, support
from allauth_2fa.decorators import two_factor_action

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PERMISSION = "allauth_2fa.support_{}"


TITLES = {
    "unlock_owners": gettext_lazy("Unblock codes"),
    "issue_codes": gettext_lazy("Issue a recovery code"),
    "reset_owners": gettext_lazy("Remove all second factors"),
}
"""What each action is called where it is about known users."""

CONSEQUENCES = {
    "unlock_owners": [
        gettext_lazy("Their codes are checked again in all their browsers, and the count of wrong codes starts at zero."),
        gettext_lazy("Their devices, recovery codes and sessions stay as they are."),
    ],
    "issue_codes": [
        gettext_lazy("We make one recovery code for each of them, and show it to you once."),
        gettext_lazy("Read it to them only if you are sure who they are."),
        gettext_lazy("They sign in with their password and this code. Their other codes and devices keep working."),
    ],
    "reset_owners": [
        gettext_lazy("All their devices, recovery codes and trusted browsers are removed."),
        gettext_lazy("All their sessions end. They sign in with their password only."),
        gettext_lazy("We mail them about it."),
    ],
}
"""What each action does to its users, as the page says that asks for the reason."""


class ReasonForm(forms.Form):
    """Asks for the reason, which goes to the audit log."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("It is written to the audit log."),
        max_length=200,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3}),
    )


class SupportActions:
    """Mixin that adds the support actions to an admin page of users, or of rows with a ``user``.

    The actions apply to the users of the selected rows. Put it first: ``class PeopleAdmin(SupportActions, UserAdmin)``.
    """

    actions: Any = ["unlock_owners", "issue_codes", "reset_owners"]

    def has_support_unlock_permission(self, request: HttpRequest) -> bool:
        """Return whether the signed-in staff may open the locks of a user."""
        return request.user.has_perm(PERMISSION.format("unlock"))

    def has_support_reset_permission(self, request: HttpRequest) -> bool:
        """Return whether the signed-in staff may remove all factors of a user."""
        return request.user.has_perm(PERMISSION.format("reset"))

    def has_support_issue_code_permission(self, request: HttpRequest) -> bool:
        """Return whether the signed-in staff may issue recovery codes."""
        return request.user.has_perm(PERMISSION.format("issue_code"))

    @admin.action(permissions=["support_unlock"], description=gettext_lazy("Unblock codes of the selected users"))
    @two_factor_action()
    def unlock_owners(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask for a reason, then open the owners' locks and reset their counted wrong codes."""
        return self._do(request, queryset, "unlock_owners", self._unlock)

    @admin.action(permissions=["support_reset"], description=gettext_lazy("Remove all second factors of the selected users"))
    @two_factor_action()
    def reset_owners(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask for a reason, then remove all factors of the owners."""
        return self._do(request, queryset, "reset_owners", self._reset)

    @admin.action(permissions=["support_issue_code"], description=gettext_lazy("Issue a recovery code for the selected users"))
    @two_factor_action()
    def issue_codes(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask for a reason, then issue one recovery code for each owner and show it once."""
        return self._do(request, queryset, "issue_codes", self._issue)

    def _do(self, request: HttpRequest, queryset: Any, action: str, act: Any) -> HttpResponse | None:
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        users = get_user_model()
        keys = queryset.values("pk" if issubclass(queryset.model, users) else "user_id")
        owners = list(users._default_manager.filter(pk__in=keys))
        if form.is_valid():
            return act(request, owners, form.cleaned_data["reason"])
        # List the rows in the form, so that exactly these rows are acted on, even if all pages of the list were selected.
        chosen = list(queryset.values_list("pk", flat=True))
        about = {"title": TITLES[action], "consequences": CONSEQUENCES[action]}
        shown = {"form": form, "owners": owners, "action": action, "chosen": chosen, **about}
        return self._page(request, shown)

    def _page(self, request: HttpRequest, shown: dict[str, Any]) -> HttpResponse:
        template = f"allauth_2fa/admin_support.{app_settings.TEMPLATE_EXTENSION}"
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, "checkbox": ACTION_CHECKBOX_NAME}  # type: ignore[attr-defined]
        return TemplateResponse(request, template, {**context, **shown})

    def _unlock(self, request: HttpRequest, owners: list[Any], reason: str) -> None:
        if not owners:
            messages.warning(request, _("These locks have already ended."))
        for owner in owners:
            try:
                support.unlock(owner, request.user, reason, "admin")
            except PermissionDenied:
                messages.error(request, _("Only a superuser can do this to %(user)s.") % {"user": owner})
            except LookupError:
                messages.warning(request, _("%(user)s has no blocked codes and no counted wrong codes.") % {"user": owner})
            else:
                messages.success(request, _("Codes of %(user)s are unblocked, and the count of wrong codes is reset.") % {"user": owner})

    def _reset(self, request: HttpRequest, owners: list[Any], reason: str) -> None:
        for owner in owners:
            try:
                support.reset(owner, request.user, reason)
            except PermissionDenied:
                messages.error(request, _("Only a superuser can do this to %(user)s.") % {"user": owner})
            else:
                messages.success(
                    request, _("All second factors of %(user)s are removed, and all their sessions are ended.") % {"user": owner}
                )

    @sensitive_variables("codes")
    def _issue(self, request: HttpRequest, owners: list[Any], reason: str) -> HttpResponse | None:
        codes = []
        for owner in owners:
            try:
                codes.append((owner, support.issue_code(owner, request.user, reason)))
            except PermissionDenied:
                messages.error(request, _("Only a superuser can do this to %(user)s.") % {"user": owner})
            except LookupError:
                sentence = _("%(user)s cannot use a recovery code: they have no second factor, or recovery codes are not allowed.")
                messages.warning(request, sentence % {"user": owner})
        return self._page(request, {"codes": codes, "title": _("Recovery codes"), "hours": support.CODE_HOURS}) if codes else None
