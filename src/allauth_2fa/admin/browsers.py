"""Admin pages of known and trusted browsers, and of locks."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.db.models.constants import LOOKUP_SEP
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from allauth_2fa.browsers import trust
from allauth_2fa.budget import locks
from allauth_2fa.models import Browser, Lock

from .support import SupportActions

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest


class OwnedAdmin(admin.ModelAdmin):
    """Base class for pages of rows that belong to a user. Lists do not count all rows, since there may be millions."""

    show_full_result_count = False

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the fields to search: the row's name, and the name and the e-mail address of the user, for any user model."""
        model = get_user_model()
        names = {field.name for field in model._meta.get_fields()}
        candidates = dict.fromkeys((model.USERNAME_FIELD, model.get_email_field_name()))
        return ["name", *(f"user__{name}" for name in candidates if name in names)]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Return the rows of users with a name or an address that begins with the term; the database has indexes for these.

        If there are none, return the rows with the term in their name, and those of a user with exactly this name or address.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        model = get_user_model()
        named = Q(**{f"{model.USERNAME_FIELD}__startswith": term})
        owners = model._default_manager.filter(named).order_by().values("pk")
        known = EmailAddress.objects.filter(email__startswith=term.lower()).order_by().values("user_id")
        found = queryset.filter(Q(user_id__in=owners.union(known)))
        if found.exists():
            return found, False
        fields = [f"{field}__{'icontains' if field == 'name' else 'iexact'}" for field in self.get_search_fields(request)]
        return queryset.filter(reduce(or_, (Q(**{field: term}) for field in fields))), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow filters only on columns that the page shows: filters such as ``?key__startswith=`` could reveal a secret."""
        asked = lookup.partition(LOOKUP_SEP)[0]
        return asked in {"id", "pk", *(self.fields or ())} and super().lookup_allowed(lookup, value, request)


@admin.register(Browser)
class BrowserAdmin(SupportActions, OwnedAdmin):
    """Shows the browsers in which users have verified, and lets staff with the change permission end their trust.

    Only the user can trust a browser. A deleted browser is no longer known.
    """

    list_display = ["user", "name", "address", "last_seen_at", "trusted_until", "is_trusted"]
    list_filter = ["last_seen_at", "trusted_until"]
    list_select_related = ["user"]
    list_per_page = 25
    fields = ["user", "name", "address", "created_at", "last_seen_at", "trusted_until", "is_trusted"]
    readonly_fields = ["user", "name", "address", "created_at", "last_seen_at", "trusted_until", "is_trusted"]
    actions = ["end_trust", *SupportActions.actions]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: a browser becomes known when its user verifies in it."""
        return False

    @admin.display(boolean=True, description=_("trusted"))
    def is_trusted(self, browser: Browser) -> bool:
        """Return whether the browser is trusted now. Trust can end before its date."""
        return trust.is_trusted(browser.user, browser)

    @admin.action(description=_("Stop trusting the selected browsers"), permissions=["change"])
    def end_trust(self, request: HttpRequest, queryset: Any) -> None:
        """End the trust of the selected browsers. The audit log records the actor."""
        ended = sum(self._end(request, browser) for browser in queryset.select_related("user"))
        text = ngettext("%(ended)d browser is no longer trusted.", "%(ended)d browsers are no longer trusted.", ended)
        self.message_user(request, text % {"ended": ended}, messages.SUCCESS)

    def _end(self, request: HttpRequest, browser: Browser) -> int:
        return trust.revoke(browser.user, "admin", [browser.pk], request=request, actor=request.user)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Browser) -> None:
        """Delete the browser, and announce the end of its trust."""
        self._end(request, obj)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Delete each browser with :meth:`delete_model`."""
        for browser in queryset.select_related("user"):
            self.delete_model(request, browser)


@admin.register(Lock)
class LockAdmin(SupportActions, OwnedAdmin):
    """Shows the users who are locked now, and in which browsers. Rows cannot be changed; an action opens the locks."""

    list_display = ["user", "scope", "since", "until"]
    list_select_related = ["user"]
    list_per_page = 25
    fields = ["user", "scope", "since", "until"]
    readonly_fields = ["user", "scope", "since", "until"]
    actions = ["unlock_owners", "issue_codes"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows that are locked now. That depends on the current limits and is not stored in a column."""
        return super().get_queryset(request).filter(pk__in=[lock.pk for lock, _budget in locks.all_locks()])

    @admin.display(description=_("where"))
    def scope(self, lock: Lock) -> Any:
        """Return the name of the browser, or "new browsers" for all browsers in which the user has not verified."""
        budget = locks.budget_of(lock)
        return budget.scope if budget.is_known else _("new browsers")

    @admin.display(description=_("since"))
    def since(self, lock: Lock) -> datetime | None:
        """Return the time of the last wrong code."""
        return locks.budget_of(lock).since

    @admin.display(description=_("until"))
    def until(self, lock: Lock) -> Any:
        """Return when the lock ends. After too many wrong codes in a row it does not end by itself."""
        refusal = locks.budget_of(lock).lock
        return refusal.until if refusal and refusal.until else _("unblocked by support or the user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: locks come from wrong codes."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        """Return False: a lock is opened with an action, which asks for a reason."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        """Return False, for the same reason."""
        return False
