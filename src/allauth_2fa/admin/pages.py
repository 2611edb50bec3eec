"""Admin pages of devices, the audit log and exemptions. Device pages show no secret."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.utils import timezone
from django.utils.module_loading import module_has_submodule
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_otp import device_classes

from allauth_2fa.audit.events import EVENTS
from allauth_2fa.devices import manage, staff
from allauth_2fa.factors import registry
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.requirement import policy

from .browsers import BrowserAdmin, LockAdmin, OwnedAdmin
from .site import TwoFactorAdminSite, secure_admin_site
from .support import SupportActions
from .user import UserPage

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.http import HttpRequest
    from django_otp.models import Device

__all__ = [
    "AuditAdmin",
    "BrowserAdmin",
    "DeviceAdmin",
    "LockAdmin",
    "RecoveryAdmin",
    "SupportActions",
    "TwoFactorAdminSite",
    "secure_admin_site",
]


class DeviceAdmin(SupportActions, OwnedAdmin):
    """Shows the devices of users, and lets support rename and delete them. It never shows a secret."""

    list_display = ["user", "name", "confirmed", "created_at", "last_used_at"]
    list_filter = ["confirmed", "created_at", "last_used_at"]
    list_select_related = ["user"]
    fields = ["user", "name", "confirmed", "created_at", "last_used_at"]
    readonly_fields = ["user", "confirmed", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: only the owner adds a device, since adding it shows its secret."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Device | None = None) -> bool:
        """Return whether the staff may delete the device: only a superuser may delete a superuser's device."""
        return super().has_delete_permission(request, obj) and (obj is None or staff.may(request.user, obj.user))

    def save_model(self, request: HttpRequest, obj: Device, form: Any, change: bool) -> None:  # noqa: FBT001 - Django calls it so
        """Save only the changed fields, so that a code that was used in the meantime stays used."""
        name, obj.name = obj.name, form.initial.get("name", obj.name)
        if others := [field for field in form.changed_data if field != "name"]:
            obj.save(update_fields=others)
        if "name" in form.changed_data:
            manage.rename(obj, name, actor=request.user)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Device) -> None:
        """Remove the device. The audit log and the mail to the owner name the actor."""
        manage.withdraw(obj, request.user)  # type: ignore[arg-type]

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Remove each device with :meth:`delete_model`."""
        for device in queryset.select_related("user"):
            self.delete_model(request, device)


class RecoveryAdmin(DeviceAdmin):
    """Also shows how many codes are left."""

    fields = [*DeviceAdmin.fields, "left"]
    readonly_fields = [*DeviceAdmin.readonly_fields, "left"]

    @admin.display(description=_("codes left"))
    def left(self, device: Device) -> int:
        """Return the number of unused codes."""
        tokens = getattr(device, "token_set", None)
        return device.codes_left() if tokens is None else tokens.count()


class EventFilter(admin.SimpleListFilter):
    """Filters the audit log by event. The choices come from the list of events, not from a query of a large table."""

    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return all kinds of events, with their labels."""
        return [(event.name, event.label) for event in EVENTS.values()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows of the chosen event."""
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(UserPage, admin.ModelAdmin):
    """Shows, searches and filters the audit log. No row can be added, changed or deleted here."""

    list_display = ["at", "event", "user_label", "actor_label", "device", "address"]
    list_filter = [EventFilter, "at"]
    search_fields = ["user_label", "actor_label", "device", "address__startswith"]
    fields = ["at", "event", "user_label", "actor_label", "device", "address", "user_agent", "facts"]
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: rows are added when events happen."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Return False: a row never changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Return False: ``manage.py allauth_2fa_audit prune`` deletes old rows."""
        return False


class ExemptionForm(ModelForm):
    """Grants an exemption for a limited time. Staff cannot exempt themselves, and only a superuser can exempt a superuser."""

    request: HttpRequest

    def clean_user(self) -> Any:
        """Return the user.

        Raises:
            ValidationError: the user is the granter, or is a superuser and the granter is not.
        """
        user, granter = self.cleaned_data["user"], self.request.user
        if user.pk == granter.pk:
            raise ValidationError(_("You cannot exempt yourself. Ask a colleague."), code="own")
        if getattr(user, "is_superuser", False) and not getattr(granter, "is_superuser", False):
            raise ValidationError(_("Only a superuser can exempt a superuser."), code="superuser")
        return user

    def clean_expires_at(self) -> Any:
        """Return the end of the exemption.

        Raises:
            ValidationError: it is in the past.
        """
        end = self.cleaned_data["expires_at"]
        if end <= timezone.now():
            raise ValidationError(_("Enter a time in the future."), code="past")
        return end


class ExemptionAdmin(admin.ModelAdmin):
    """Grants exemptions and ends them. A granted exemption cannot be changed: it records who granted it to whom, and why."""

    form = ExemptionForm
    show_full_result_count = False
    list_display = ["user", "reason", "granted_by", "created_at", "expires_at", "ended_at"]
    list_filter = ["created_at", "expires_at", "ended_at"]
    list_select_related = ["user", "granted_by"]
    fields = ["user", "reason", "expires_at", "granted_by", "created_at", "ended_at"]
    raw_id_fields = ["user"]
    actions = ["end_now"]
    settled = ("user", "reason", "expires_at")

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the form class with the request, which tells who grants the exemption."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.request = request
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Exemption | None = None) -> list[str]:
        """Return all fields of a granted exemption; for a new one, the fields that are set automatically."""
        return [*(self.settled if obj else ()), "granted_by", "created_at", "ended_at"]

    def save_model(self, request: HttpRequest, obj: Exemption, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save a new exemption with its granter, and announce it."""
        if change:
            return
        obj.granted_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        policy.announce_exemption(obj, request=request)

    def delete_model(self, request: HttpRequest, obj: Exemption) -> None:
        """End the exemption, and delete its row."""
        policy.end(obj, obj.user, request=request, actor=request.user)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """End the exemptions, and delete their rows."""
        self._end(request, queryset)
        super().delete_queryset(request, queryset)

    @admin.action(description=_("End the selected exemptions now"), permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: Any) -> None:
        """End the selected exemptions that have not ended yet."""
        number = self._end(request, queryset)
        text = ngettext("%(number)d exemption was ended.", "%(number)d exemptions were ended.", number) % {"number": number}
        self.message_user(request, text)

    def _end(self, request: HttpRequest, queryset: Any) -> int:
        return sum(policy.end(granted, granted.user, request=request, actor=request.user) for granted in queryset.select_related("user"))


STOCK = "django_otp.plugins."
"""Module prefix of django-otp's own admin pages. They show secrets, so ours replace them; a project's own pages stay."""


def register(site: AdminSite) -> None:
    """Register the pages of devices and exemptions, except those for which the project has its own."""
    stands_in = {registry.static.model, registry.recovery.model}
    shown = {model for model in device_classes() if model.__module__.startswith(STOCK)}
    for model in shown | stands_in:
        if site.is_registered(model) and type(site._registry[model]).__module__.startswith(STOCK):  # noqa: SLF001 - there is no public way
            site.unregister(model)
        if not site.is_registered(model):
            site.register(model, RecoveryAdmin if model in stands_in else DeviceAdmin)
    if not site.is_registered(Exemption):
        site.register(Exemption, ExemptionAdmin)


def _register_stock() -> None:
    """Import django-otp's admin modules, so that they register their pages first, in any order of INSTALLED_APPS."""
    for config in apps.get_app_configs():
        if config.name.startswith(STOCK) and module_has_submodule(config.module, "admin"):
            import_module(f"{config.name}.admin")


_register_stock()
register(admin.site)
