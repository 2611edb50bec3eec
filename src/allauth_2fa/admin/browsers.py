"""Pages of the admin about browsers: where users have verified, whom one lets pass, and where codes are locked."""

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
    """Pages of rows that belong to a user, of which there may be millions: no list counts them twice."""

    show_full_result_count = False

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the fields by which a user of any model is found."""
        model = get_user_model()
        names = {field.name for field in model._meta.get_fields()}  # noqa: SLF001 - Django documents it
        candidates = dict.fromkeys((model.USERNAME_FIELD, model.get_email_field_name()))
        return ["name", *(f"user__{name}" for name in candidates if name in names)]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Return the rows of the users whose name or address begins so, which the database has indexes for.

        If there is none, return the rows that are called so, and those of the user who has this address without allauth knowing.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        model = get_user_model()
        named = Q(**{f"{model.USERNAME_FIELD}__startswith": term})
        owners = model._default_manager.filter(named).order_by().values("pk")  # noqa: SLF001 - Django documents it
        known = EmailAddress.objects.filter(email__startswith=term.lower()).order_by().values("user_id")
        found = queryset.filter(Q(user_id__in=owners.union(known)))
        if found.exists():
            return found, False
        fields = [f"{field}__{'icontains' if field == 'name' else 'iexact'}" for field in self.get_search_fields(request)]
        return queryset.filter(reduce(or_, (Q(**{field: term}) for field in fields))), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse questions about columns that the pages do not show (``?key__startswith=``): the answers spell a secret."""
        asked = lookup.partition(LOOKUP_SEP)[0]
        return asked in {"id", "pk", *(self.fields or ())} and super().lookup_allowed(lookup, value, request)


@admin.register(Browser)
class BrowserAdmin(SupportActions, OwnedAdmin):
    """Shows in which browsers users have verified, and lets staff who may change them end their trust.

    Trust is given by its user alone. A browser that is deleted is not known any more either.
    """

    list_display = ["user", "name", "address", "last_seen_at", "trusted_until", "is_trusted"]
    list_filter = ["last_seen_at", "trusted_until"]
    list_select_related = ["user"]
    list_per_page = 25
    fields = ["user", "name", "address", "created_at", "last_seen_at", "trusted_until", "is_trusted"]
    readonly_fields = ["user", "name", "address", "created_at", "last_seen_at", "trusted_until", "is_trusted"]
    actions = ["end_trust", *SupportActions.actions]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a browser is known by what its user did there."""
        return False

    @admin.display(boolean=True, description=_("trusted now"))
    def is_trusted(self, browser: Browser) -> bool:
        """Return whether its user is let pass there: before the date has come, it may be void."""
        return trust.is_trusted(browser.user, browser)

    @admin.action(description=_("Do not trust the selected browsers any more"), permissions=["change"])
    def end_trust(self, request: HttpRequest, queryset: Any) -> None:
        """End the trust of the chosen browsers. The audit log says who did."""
        ended = sum(self._end(request, browser) for browser in queryset.select_related("user"))
        text = ngettext("%(ended)d browser is not trusted any more.", "%(ended)d browsers are not trusted any more.", ended)
        self.message_user(request, text % {"ended": ended}, messages.SUCCESS)

    def _end(self, request: HttpRequest, browser: Browser) -> int:
        return trust.revoke(browser.user, "admin", [browser.pk], request=request, actor=request.user)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Browser) -> None:
        """Forget the browser, and announce the end of its trust."""
        self._end(request, obj)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Forget each browser as if it were the only one."""
        for browser in queryset.select_related("user"):
            self.delete_model(request, browser)


@admin.register(Lock)
class LockAdmin(SupportActions, OwnedAdmin):
    """Shows whose codes are locked at present, and where. There is nothing to change: the action opens them."""

    list_display = ["user", "scope", "since", "until"]
    list_select_related = ["user"]
    list_per_page = 25
    fields = ["user", "scope", "since", "until"]
    readonly_fields = ["user", "scope", "since", "until"]
    actions = ["unlock_owners", "issue_codes"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return what is locked now, by the limits in force, which no column tells."""
        return super().get_queryset(request).filter(pk__in=[lock.pk for lock, _budget in locks.all_locks()])

    @admin.display(description=_("where"))
    def scope(self, lock: Lock) -> Any:
        """Return the name of the browser, or that it is all those in which the user has not verified."""
        budget = locks.budget_of(lock)
        return budget.scope if budget.is_known else _("new browsers")

    @admin.display(description=_("since"))
    def since(self, lock: Lock) -> datetime | None:
        """Return when the last wrong code was judged."""
        return locks.budget_of(lock).since

    @admin.display(description=_("until"))
    def until(self, lock: Lock) -> Any:
        """Return when there is room again for a wrong code. No time ends a row of too many."""
        refusal = locks.budget_of(lock).lock
        return refusal.until if refusal and refusal.until else _("somebody opens it")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: wrong codes lock."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        """Refuse: a lock is opened for its user, with a reason."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lock | None = None) -> bool:
        """Refuse, for the same reason."""
        return False
