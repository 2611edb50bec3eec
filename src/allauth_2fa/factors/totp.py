"""Time-based codes of authenticator apps (TOTP, RFC 6238), with django-otp's own device model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, cast

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from allauth_2fa import statements
from allauth_2fa.encryption import columns
from allauth_2fa.exceptions import AlreadyUsed, ClockWrong, LateCode, NothingEnrolled, Refused, Throttled, Unreadable

from .base import Factor, with_leading_zeros

if TYPE_CHECKING:
    from django_otp.models import Device

LATE_SECONDS = 15 * 60
"""How many seconds back a wrong code is looked for, to report that the phone's clock is slow. These codes are never accepted."""

CLOCK_SECONDS = 60 * 60
"""Largest clock error in seconds, in both directions, that is recognized at the setup."""

SEQUENCE_LENGTH = 3
"""Number of consecutive codes that are accepted while single codes are blocked. A guess succeeds once in 3 * 10^17 attempts."""

ROUNDS = 8
"""How often a check is repeated because another process wrote to the device at the same time. In practice the second round is
the last one: the other process has used the code, or the device is throttled."""


class Reading(NamedTuple):
    """The time step that a code belongs to, and its distance from our clock in steps."""

    step: int
    offset: int


class TotpFactor(Factor):
    """Authenticator apps."""

    id = "totp"
    label = _("authenticator app")
    heading = _("Add an authenticator app")
    rank = 10
    icon = "app"
    enroll_page = "two-factor-add"
    first_page = "two-factor-setup"
    scanned = True
    intro = _("An app on your phone shows a new code every 30 seconds. It works without a network.")

    @property
    def model(self) -> type[TOTPDevice]:
        """The django-otp model of this factor's devices."""
        return TOTPDevice

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of one code, or of three consecutive codes, of this device.

        Return False if the device's secret cannot be read.
        """
        return (
            answer.isascii()
            and answer.isdigit()
            and len(answer) in {device.digits, SEQUENCE_LENGTH * device.digits}
            and not columns.is_unreadable(device)
        )

    def filled(self, device: Device, answer: str) -> str:
        """Return the answer with the leading zeros that a number has lost."""
        return with_leading_zeros(answer, cast("TOTPDevice", device).digits)

    def guess_probability(self, device: Device) -> float:
        """Return the number of codes that are valid at a time divided by the number of possible codes."""
        row = cast("TOTPDevice", device)
        return (2 * row.tolerance + 1) / 10.0**row.digits

    def is_sequence(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of three consecutive codes."""
        return self.recognizes(device, answer) and len(answer) == SEQUENCE_LENGTH * cast("TOTPDevice", device).digits

    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the device would accept the answer now. Nothing is written."""
        return self._read(cast("TOTPDevice", device), answer) is not None

    @sensitive_variables("answer")
    def judge(self, device: Device, answer: str) -> None:
        """Accept the answer, once. See :meth:`Factor.judge`.

        Raises:
            Unreadable: the device's secret cannot be read.
            Throttled: the device is throttled.
            AlreadyUsed: the code was used before.
            LateCode: the code is one of the last :data:`LATE_SECONDS`.
            NothingEnrolled: the device has been removed in the meantime.
            Refused: the answer is wrong.
        """
        row = cast("TOTPDevice", device)
        if self.is_sequence(row, answer):
            self._judge_sequence(row, answer)
            return
        for _round in range(ROUNDS):
            if columns.refuses(row):
                raise Unreadable
            self._refuse_while_throttled(row)
            reading = self._read(row, answer)
            refusal = self._refusal(row, answer) if reading is None else None
            if isinstance(refusal, AlreadyUsed):
                raise refusal
            written = self._accept(row, reading) if reading else self._count_failure(row)
            if written and refusal:
                raise refusal
            if written:
                return
            self._reload(row)
        raise Throttled

    @sensitive_variables("answer")
    def _judge_sequence(self, row: TOTPDevice, answer: str) -> None:
        """Accept three consecutive codes, even while the device is throttled. Wrong ones do not throttle it."""
        for _round in range(ROUNDS):
            reading = self._read(row, answer)
            if reading is None:
                raise Refused
            if self._accept(row, reading):
                return
            self._reload(row)
        raise Throttled

    @sensitive_variables("answer")
    def _read(self, row: TOTPDevice, answer: str) -> Reading | None:
        if self.is_sequence(row, answer):
            return read_sequence(row, answer)
        return read(row, answer, row.tolerance, row.last_t + 1) if self.recognizes(row, answer) else None

    def _refuse_while_throttled(self, row: TOTPDevice) -> None:
        allowed, facts = row.verify_is_allowed()
        if not allowed:
            raise Throttled((facts or {}).get("locked_until"))

    @sensitive_variables("answer")
    def _refusal(self, row: TOTPDevice, answer: str) -> Refused:
        if not self.recognizes(row, answer):
            return Refused()
        now = _step_now(row)
        near = row.last_t >= 0 and abs(row.last_t - now) <= row.tolerance
        if near and oath.hotp(row.bin_key, row.last_t, row.digits) == int(answer):
            return AlreadyUsed()
        oldest = now - row.tolerance - LATE_SECONDS // row.step
        for step in range(now - row.tolerance - 1, max(oldest, row.last_t, 0), -1):
            if oath.hotp(row.bin_key, step, row.digits) == int(answer):
                return LateCode((step - now) * row.step)
        return Refused()

    def _accept(self, row: TOTPDevice, reading: Reading) -> bool:
        changes = accepted(row, reading)
        if row.throttling_enabled:
            unchanged = {"id": row.pk, "confirmed": True, "last_t": row.last_t, "throttling_failure_count": row.throttling_failure_count}
        else:
            unchanged = {"id": row.pk, "confirmed": True, "last_t__lt": reading.step}
        return _write(row, statements.update(TOTPDevice, unchanged, changes), changes)

    def _count_failure(self, row: TOTPDevice) -> bool:
        changes = {"throttling_failure_count": row.throttling_failure_count + 1, "throttling_failure_timestamp": timezone.now()}
        mine = {"id": row.pk, "confirmed": True}
        if row.throttling_enabled:
            mine |= {"last_t": row.last_t, "throttling_failure_count": row.throttling_failure_count}
        return _write(row, statements.update(TOTPDevice, mine, changes), changes)

    def _reload(self, row: TOTPDevice) -> None:
        try:
            row.refresh_from_db()
        except TOTPDevice.DoesNotExist:
            raise NothingEnrolled from None
        if not row.confirmed:
            raise NothingEnrolled

    # Enrollment

    @sensitive_variables("changes")
    def replace_secret(self, device: TOTPDevice) -> None:
        """Give an unconfirmed device a new secret."""
        changes = {"key": columns.encrypted_for(device, default_key()), "last_t": -1, "drift": 0}
        if not _write(device, TOTPDevice.objects.filter(pk=device.pk, confirmed=False).update(**changes), changes):
            raise NothingEnrolled

    @sensitive_variables("answer")
    def check(self, device: TOTPDevice, answer: str) -> Reading:
        """Check the first code of an unconfirmed device, and return its time step. Nothing is written or throttled.

        Raises:
            ClockWrong: the code is right for another time within :data:`CLOCK_SECONDS`.
            NothingEnrolled: the secret cannot be read.
            Refused: the code is wrong.
        """
        if columns.refuses(device):
            raise NothingEnrolled
        if not self.recognizes(device, answer):
            raise Refused
        reading = read(device, answer, device.tolerance, 0)
        if reading is not None:
            return reading
        far = read(device, answer, CLOCK_SECONDS // device.step, 0)
        raise ClockWrong(far.offset * device.step) if far else Refused

    @sensitive_variables("answer")
    def complete(self, device: Device, answer: str) -> None:
        """Confirm the device with its first code. Raises as :meth:`check` does. See :meth:`Factor.complete`."""
        row = cast("TOTPDevice", device)
        changes = accepted(row, self.check(row, answer)) | {"confirmed": True}
        # The secret is part of the condition, so that only the scanned secret can be confirmed.
        waiting = TOTPDevice.objects.filter(pk=row.pk, user_id=row.user_id, confirmed=False, key__in=columns.equivalent_ciphertexts_of(row))
        if not _write(row, waiting.update(**changes), changes):
            raise NothingEnrolled


def _step_now(device: TOTPDevice) -> int:
    totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time()
    return totp.t()


@sensitive_variables("answer", "totp")
def read(device: TOTPDevice, answer: str, tolerance: int, first_step: int) -> Reading | None:
    """Return the time step of the code, None if it belongs to none of the steps that are searched.

    Args:
        device: the device; its secret, digits, period and drift are used.
        answer: decimal digits.
        tolerance: number of steps to search before and after now.
        first_step: the earliest step to search; earlier ones are used up (RFC 6238, 5.2: a code is accepted once).
    """
    totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = time.time()
    if not totp.verify(int(answer), tolerance, first_step):
        return None
    return Reading(step=totp.t(), offset=totp.drift - device.drift)


@sensitive_variables("answer", "codes")
def read_sequence(device: TOTPDevice, answer: str) -> Reading | None:
    """Return the time step of the last of several consecutive codes, None if they are not consecutive or are used up."""
    codes = [int(answer[at : at + device.digits]) for at in range(0, len(answer), device.digits)]
    for offset in range(-device.tolerance, device.tolerance + 1):
        first = _step_now(device) + offset - len(codes) + 1
        if first > device.last_t and codes == [oath.hotp(device.bin_key, first + at, device.digits) for at in range(len(codes))]:
            return Reading(step=first + len(codes) - 1, offset=offset)
    return None


def accepted(device: TOTPDevice, reading: Reading) -> dict[str, object]:
    """Return the columns to write for an accepted code: its step is used up and the failure count is reset."""
    changes: dict[str, object] = {
        "last_t": reading.step,
        "last_used_at": timezone.now(),
        "throttling_failure_count": 0,
        "throttling_failure_timestamp": None,
    }
    if getattr(settings, "OTP_TOTP_SYNC", True):
        changes["drift"] = device.drift + reading.offset
    return changes


@sensitive_variables("changes")
def _write(device: TOTPDevice, rows: int, changes: dict[str, object]) -> bool:
    """Copy the changes to the instance if the UPDATE has written the row, and return whether it has."""
    if rows:
        vars(device).update(changes)
    return bool(rows)
