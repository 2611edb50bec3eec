"""Copies authenticator apps and readable recovery codes from django-otp to ``allauth.mfa``.

Users are read and written one page at a time, so memory use does not grow with their number. Devices that ``allauth.mfa``
cannot store or cannot verify stay where they are and are reported. Every user gets exactly one :class:`Outcome`.
"""

from __future__ import annotations

import base64
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allauth.mfa import app_settings as mfa_settings
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connections, models, reset_queries, router
from django.utils import timezone
from django.utils.module_loading import import_string
from django_otp import device_classes
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryCode, RecoveryDevice

from .bulk import Row, insert, pages
from .report import Note, Outcome, Remark, Report, TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

BATCH_SIZE = 5000
"""Users per page. Each page is one commit, and a commit may take as long as a thousand users."""


@dataclass(frozen=True, slots=True)
class Target:
    """The model and the settings of ``allauth.mfa`` in this project."""

    model: Any
    using: str
    encrypt: Callable[[str], str]
    totp: str
    codes: str
    takes_codes: bool
    digits: int
    period: int
    tolerance: int


@dataclass(slots=True)
class Holding:
    """What one user has: devices of django-otp, and authenticators of ``allauth.mfa``."""

    apps: tuple[TOTPDevice, ...] = ()
    sheets: tuple[tuple[datetime | None, datetime | None], ...] = ()
    codes: tuple[str, ...] = ()
    digests: int = 0
    others: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """What to do for one user."""

    outcome: Outcome = Outcome.UNFINISHED
    rows: list[Row] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def find_target() -> Target:
    """Return the target of the transfer.

    Raises:
        TransferError: ``allauth.mfa`` is not installed, not migrated, or does not accept authenticator apps.
    """
    if not apps.is_installed("allauth.mfa"):
        raise TransferError('allauth.mfa is not installed. Add "allauth.mfa" to INSTALLED_APPS, run migrate, and start again.')
    model: Any = apps.get_app_config("mfa").get_model("Authenticator")
    using = router.db_for_write(model)
    if model._meta.db_table not in connections[using].introspection.table_names():
        raise TransferError("The table of allauth.mfa does not exist yet. Run migrate, and start again.")
    totp, codes = str(model.Type.TOTP), str(model.Type.RECOVERY_CODES)
    if totp not in mfa_settings.SUPPORTED_TYPES:
        raise TransferError(f'allauth.mfa takes no authenticator apps here. Add "{totp}" to MFA_SUPPORTED_TYPES, and start again.')
    return Target(
        model=model,
        using=using,
        # Import it by its dotted name, as allauth does: importing allauth.mfa.adapter fails if allauth.mfa is not installed.
        encrypt=import_string(mfa_settings.ADAPTER)().encrypt,
        totp=totp,
        codes=codes,
        takes_codes=codes in mfa_settings.SUPPORTED_TYPES,
        digits=mfa_settings.TOTP_DIGITS,
        period=mfa_settings.TOTP_PERIOD,
        tolerance=mfa_settings.TOTP_TOLERANCE,
    )


def transfer(*, batch_size: int = BATCH_SIZE, dry_run: bool = False, tell: Callable[[Note], None] = lambda _: None) -> Report:
    """Copy the devices that can be copied, and return a report that counts every user.

    Args:
        batch_size: number of users that are read and written in one transaction.
        dry_run: read, decide and report, but write nothing.
        tell: called with each note, after each page.

    Raises:
        TransferError: see :func:`find_target`.
    """
    target = find_target()
    report = Report()
    for page in pages(target.using, batch_size):
        moved, notes = _move(page, target, dry_run=dry_run)
        report += moved
        for note in notes:
            tell(note)
        # With DEBUG on, Django remembers the last 9,000 statements, which hold the rows.
        reset_queries()
    return report


def _move(page: Sequence[Any], target: Target, *, dry_run: bool) -> tuple[Report, list[Note]]:
    """Copy the devices of one page of users."""
    try:
        return _attempt(page, target, dry_run=dry_run)
    except IntegrityError:
        # A user has enrolled there, or was deleted, between our read and our write: read again.
        return _attempt(page, target, dry_run=dry_run)


def _attempt(page: Sequence[Any], target: Target, *, dry_run: bool) -> tuple[Report, list[Note]]:
    """Read the page first, then decide while writing, so that the plan of each user is freed as soon as it is written."""
    holdings = _read(page, target)
    report, notes = Report(), list[Note]()
    report.users[Outcome.WITHOUT] = len(set(page).difference(holdings))

    def rows() -> Iterator[Row]:
        for user_id, holding in holdings.items():
            plan = make_plan(user_id, holding, target)
            report.users[plan.outcome] += 1
            report.created.update(row.type for row in plan.rows)
            report.remarks.update(note.remark for note in plan.notes)
            notes.extend(plan.notes)
            yield from plan.rows

    if dry_run:
        deque(rows(), maxlen=0)
    else:
        insert(target.model, rows(), target.using)
    return report, notes


def _read(page: Sequence[Any], target: Target) -> Mapping[Any, Holding]:
    """Return the devices of the users of a page, in a fixed number of queries. Users without devices are left out."""
    holdings: defaultdict[Any, Holding] = defaultdict(Holding)

    def rows(model: type[models.Model], owner: str = "user") -> models.QuerySet[Any]:
        of_page = {f"{owner}__gte": page[0], f"{owner}__lte": page[-1]}
        return model._base_manager.using(target.using).filter(**of_page)

    for device in rows(TOTPDevice):
        holding = holdings[device.user_id]
        if device.confirmed:
            holding.apps += (device,)
    _read_codes(holdings, rows)
    _read_what_stays(holdings, rows)
    for user_id, kind in rows(target.model).values_list("user_id", "type"):
        if user_id in holdings:
            holdings[user_id].present += (kind,)
    return holdings


def _read_codes(holdings: defaultdict[Any, Holding], rows: Callable[..., models.QuerySet[Any]]) -> None:
    """Add django-otp's readable codes."""
    for user_id, confirmed, made, used in rows(StaticDevice).values_list("user_id", "confirmed", "created_at", "last_used_at"):
        holding = holdings[user_id]
        if confirmed:
            holding.sheets += ((made, used),)
    tokens = rows(StaticToken, "device__user").filter(device__confirmed=True)
    for user_id, token in tokens.values_list("device__user_id", "token"):
        holdings[user_id].codes += (token,)


def _read_what_stays(holdings: defaultdict[Any, Holding], rows: Callable[..., models.QuerySet[Any]]) -> None:
    """Add the devices that cannot be copied."""
    unused = rows(RecoveryCode, "device__user").filter(device__confirmed=True, used_at=None, expires_at=None)
    for user_id, digests in unused.order_by().values_list("device__user_id").annotate(models.Count("pk")):
        holdings[user_id].digests = digests
    for model in device_classes():
        if model in {TOTPDevice, StaticDevice}:
            continue
        for user_id, pk, confirmed in rows(model).values_list("user_id", "pk", "confirmed"):
            holding = holdings[user_id]
            if confirmed and model is not RecoveryDevice:
                holding.others += (f"{model.model_label()}/{pk}",)


def make_plan(user_id: object, holding: Holding, target: Target) -> Plan:
    """Return the plan for one user."""
    plan = Plan()
    if target.totp not in holding.present:
        _plan_app(plan, user_id, holding.apps, target)
    if target.codes not in holding.present and (holding.codes or holding.digests):
        _plan_codes(plan, user_id, holding, target)
    plan.notes.extend(Note(Remark.OTHER, user_id, label) for label in holding.others)
    plan.outcome = _outcome(plan, holding)
    return plan


def _outcome(plan: Plan, holding: Holding) -> Outcome:
    if plan.rows:
        return Outcome.MOVED
    if holding.present:
        return Outcome.PRESENT
    if holding.apps:
        return Outcome.UNFIT
    if holding.others:
        return Outcome.OTHER
    return Outcome.CODES_ONLY if holding.codes or holding.digests else Outcome.UNFINISHED


def _plan_app(plan: Plan, user_id: object, devices: Sequence[TOTPDevice], target: Target) -> None:
    """Choose the authenticator app to copy, and add a note for each of the others."""
    fit: list[TOTPDevice] = []
    for device in devices:
        if problem := misfit(device, target):
            plan.notes.append(Note(Remark.UNFIT, user_id, device.persistent_id, problem))
        else:
            fit.append(device)
    if not fit:
        return
    chosen = fit[0] if len(fit) == 1 else choose(fit)
    if len(fit) > 1:
        plan.notes.extend(Note(Remark.SPARE, user_id, device.persistent_id) for device in fit if device is not chosen)
    if abs(chosen.drift) > target.tolerance:
        plan.notes.append(Note(Remark.CLOCK, user_id, chosen.persistent_id, f"{chosen.drift:+d} steps of {chosen.step} seconds"))
    data: dict[str, str | list[str]] = {"secret": target.encrypt(base64.b32encode(chosen.bin_key).decode("ascii"))}
    plan.rows.append(Row(user_id, target.totp, data, chosen.created_at or timezone.now(), last_used(chosen)))


def _plan_codes(plan: Plan, user_id: object, holding: Holding, target: Target) -> None:
    """Copy the readable codes of a user who has, or will have, another authenticator.

    Recovery codes without another authenticator are useless in ``allauth.mfa``: it does not ask for them at login, yet accepts
    them for a reauthentication, and makes no new ones at the next enrollment. So they are never copied alone.
    """
    codes = dict.fromkeys(holding.codes)
    subject = f"recovery codes ({len(codes) + holding.digests})"
    if not target.takes_codes:
        plan.notes.append(Note(Remark.CODES_OFF, user_id, subject))
    elif not plan.rows and not holding.present:
        plan.notes.append(Note(Remark.NO_PRIMARY, user_id, subject))
    else:
        if holding.digests:
            plan.notes.append(Note(Remark.HASHED, user_id, f"recovery codes ({holding.digests})"))
        if codes:
            made = min((made for made, _ in holding.sheets if made), default=None)
            used = max((used for _, used in holding.sheets if used), default=None)
            data: dict[str, str | list[str]] = {"migrated_codes": [target.encrypt(code) for code in codes]}
            plan.rows.append(Row(user_id, target.codes, data, made or timezone.now(), used))


def misfit(device: TOTPDevice, target: Target) -> str:
    """Return why ``allauth.mfa`` would refuse this device's codes; an empty string if it would accept them."""
    if device.digits != target.digits:
        return f"its codes have {device.digits} digits, MFA_TOTP_DIGITS is {target.digits}"
    if device.step != target.period:
        return f"its codes last {device.step} seconds, MFA_TOTP_PERIOD is {target.period}"
    if device.t0:
        return "it counts its steps from another moment than 1970"
    try:
        return "" if device.bin_key else "its secret is empty"
    except ValueError:
        return "its secret cannot be read"


def choose(devices: Iterable[TOTPDevice]) -> TOTPDevice:
    """Return the device that was used last, or, if none ever was, the oldest."""
    used = [(moment, device.pk, device) for device in devices if (moment := last_used(device))]
    return max(used)[-1] if used else min(devices, key=lambda device: device.pk)


def last_used(device: TOTPDevice) -> datetime | None:
    """Return when the device was last used, None if never. Rows older than django-otp's timestamps have their last time step."""
    if device.last_used_at or device.last_t <= 0:
        return device.last_used_at
    # The device's clock may be fast, and the column may hold any number: never return a time in the future.
    moment = datetime.fromtimestamp(min(device.last_t * device.step, time.time()), UTC)
    return moment if settings.USE_TZ else timezone.make_naive(moment)
