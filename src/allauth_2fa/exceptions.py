"""The refusals of an answer. Each one carries the sentence that the user reads."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy, npgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def clock_time(moment: datetime) -> str:
    """Return the clock time in the visitor's time zone, with the name of that zone.

    It has seconds if it is less than a minute away, and a date if it is not today.
    """
    is_near = moment - timezone.now() < timedelta(minutes=1)
    is_aware = timezone.is_aware(moment)
    local = timezone.localtime(moment) if is_aware else moment
    today = timezone.localtime().date() if is_aware else timezone.now().date()
    far = "TIME_FORMAT" if local.date() == today else "DATETIME_FORMAT"
    shown = date_format(local, "H:i:s" if is_near else far)
    return f"{shown} {date_format(local, 'T')}" if is_aware else shown


WAITS = (
    (86400, npgettext_lazy("how long to wait", "in %(n)d day", "in %(n)d days", "n")),
    (3600, npgettext_lazy("how long to wait", "in %(n)d hour", "in %(n)d hours", "n")),
    (60, npgettext_lazy("how long to wait", "in %(n)d minute", "in %(n)d minutes", "n")),
    (1, npgettext_lazy("how long to wait", "in %(n)d second", "in %(n)d seconds", "n")),
)
"""The units of a wait, in seconds, with their words."""


def wait_until(moment: datetime) -> str:
    """Return how long the visitor has to wait, "in 4 minutes" for example, in the largest unit that fits and rounded up."""
    seconds = max(1, math.ceil((moment - timezone.now()).total_seconds()))
    unit, words = next((unit, words) for unit, words in WAITS if seconds >= unit)
    return str(words % {"n": math.ceil(seconds / unit)})


class TwoFactorError(Exception):
    """Base class of the exceptions of this package."""


class Refused(TwoFactorError):
    """The answer is not accepted."""

    code: ClassVar[str] = "refused"
    sentence: ClassVar[_StrPromise] = _("That code is not right. Codes change every 30 seconds. Enter the current one.")
    """What happened, then what to do."""
    judged: ClassVar[bool] = True
    """Whether this refusal tells a guesser that the answer is wrong. It then counts as a failure."""

    @property
    def message(self) -> str:
        """The sentence for the page, in the visitor's language."""
        return str(self.sentence)


class RecoveryCodeRefused(Refused):
    """The user has no unused recovery code with these characters."""

    sentence = _("That recovery code is not right. Check each character, or use another code from your list.")


class AlreadyUsed(Refused):
    """The answer is right, but it was used before, and each code works once."""

    code = "used"
    judged = False
    sentence = _("That code was already used. Wait for the next one.")


class RecoveryCodeUsed(AlreadyUsed):
    """The recovery code was used before."""

    sentence = _("That recovery code was already used. Each code works once. Use another one from your list.")


class ClockOff(Refused):
    """The code belongs to another time: the clock of the device is off.

    Args:
        seconds: how far the device is off, negative when it is slow.
    """

    code = "clock"

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds

    @property
    def message(self) -> str:
        """The sentence for the page, with the difference in whole minutes, one at least."""
        return self.sentence % {"n": max(1, round(abs(self.seconds) / 60))}


class LateCode(ClockOff):
    """At the login, the code of an earlier time. Codes of the future get no hint, which would help a guesser."""

    sentence = ngettext_lazy(
        "That code was right %(n)d minute ago. Set your device to update its time automatically.",
        "That code was right %(n)d minutes ago. Set your device to update its time automatically.",
        "n",
    )


class ClockWrong(ClockOff):
    """At the setup, the code of another time. The secret is on the page, so a hint helps no guesser."""

    sentence = ngettext_lazy(
        "The clock of your device is off by about %(n)d minute. Set it to update its time automatically, then enter the current code.",
        "The clock of your device is off by about %(n)d minutes. Set it to update its time automatically, then enter the current code.",
        "n",
    )


class NotYet(Refused):
    """The user has to wait.

    Args:
        until: when the user can try again, None if that is not known.
    """

    judged = False
    sentence_with_time: ClassVar[_StrPromise]

    def __init__(self, until: datetime | None = None) -> None:
        super().__init__(until)
        self.until = until

    @property
    def message(self) -> str:
        """The sentence for the page, with how long to wait and the clock time if they are known."""
        if self.until is None:
            return super().message
        return self.sentence_with_time % {"wait": wait_until(self.until), "time": clock_time(self.until)}


class Throttled(NotYet):
    """Too many wrong answers. No answer is checked before ``until``."""

    code = "throttled"
    sentence = _("Too many tries. Wait a moment and try again.")
    sentence_with_time = _("Too many tries. You can try again %(wait)s (%(time)s).")


class Locked(NotYet):
    """Too many wrong codes came from browsers in which the user has not verified. No code is checked there."""

    code = "locked"
    what: ClassVar[_StrPromise] = _("Codes from new browsers are blocked, to protect your account.")
    """What happened, for a page that lists the ways out itself."""
    sentence = sentence_with_time = _(
        "Too many wrong codes, so codes from new browsers are blocked. Use a recovery code, a passkey or three codes in a row."
    )


class LockedHere(Locked):
    """Too many wrong codes in a row came from a browser in which the user has verified. No code is checked there."""

    what = _("Codes from this browser are blocked, to protect your account.")
    sentence = sentence_with_time = _(
        "Too many wrong codes, so codes from this browser are blocked. Use a recovery code, a passkey or three codes in a row."
    )


class TooSoon(NotYet):
    """A code was sent a short while ago. No other code is sent before ``until``."""

    code = "cooldown"
    sentence = _("We sent a code a moment ago. Wait a little before you ask for another.")
    sentence_with_time = _("We sent a code a moment ago. You can get another %(wait)s (%(time)s).")


class DeviceRefused(Refused):
    """A device has refused the answer, and this package does not know why."""

    sentence = _("That code is not right. Check it, or use a different method.")


class NotJudged(Refused):
    """The device could not check the answer, for example because a server did not reply.

    It counts as a failure, since a model may raise an error for wrong answers.
    """

    code = "unjudged"
    sentence = _("We could not check your code. Try again in a moment, or use a different method.")


class Unreadable(NotJudged):
    """The secret of the device cannot be read, so the answer was not checked."""

    judged = False


class CounterOff(DeviceRefused):
    """The code of a counter-based token is wrong, or its button was pressed too often."""

    sentence = _("That code is not right. If you pressed the button without signing in, enter two consecutive codes.")


class NotSent(Refused):
    """The answer is a code that was not sent to this login, or that a newer code has replaced."""

    code = "expired"
    judged = False
    sentence = _("That code has expired. Send a new one.")


class NotDelivered(Refused):
    """The code could not be sent."""

    code = "undelivered"
    judged = False
    sentence = _("We could not send the code. Try again in a moment, or use a different method.")


class AddressRefused(Refused):
    """The user has not confirmed that e-mail address, or has removed it. No code is sent to it."""

    code = "address"
    sentence = _("That e-mail address is not confirmed on your account. Confirm it first, or use a different method.")


class NoAddress(AddressRefused):
    """The device has no e-mail address. The address of its user is not used instead."""

    sentence = _("That device has no e-mail address, so we cannot send it a code. Use a different method, or contact support.")


class NumberRefused(Refused):
    """The text is not a phone number with a country code."""

    code = "number"
    judged = False
    sentence = _("Enter the number with its country code, for example +44 7700 900123.")


class AlreadyAdded(Refused):
    """The user already has a device for that number or address."""

    code = "added"
    judged = False
    sentence = _("That is already on your account. Enter another one.")


class NotAllowed(Refused):
    """The project's adapter does not allow this user a device of that kind."""

    code = "policy"
    judged = False
    sentence = _("Your account needs a stronger device than that one. Use a different method.")


class NothingEnrolled(Refused):
    """The user has no device that can check this answer."""

    code = "nothing"
    judged = False
    sentence = _("That device is not on your account. Choose another one.")


class SendsNoCodes(Refused):
    """The device shows its codes itself, so no code can be sent to it."""

    code = "shows"
    judged = False
    sentence = _("That device shows its codes itself. Enter its code, or choose a device that we send codes to.")


class EnrollmentEnded(Refused):
    """Another page or session has replaced, confirmed or removed the device that was being set up."""

    code = "ended"
    judged = False
    sentence = _("A newer setup has replaced this one. Scan the code on this page.")


class NoRoom(Refused):
    """The user has as many devices as ``ALLAUTH_2FA_MAX_DEVICES`` allows."""

    code = "room"
    judged = False
    sentence = _("You have reached the limit of devices. Remove one to add another.")


class PasskeyRefused(Refused):
    """The browser did not send a valid answer of one of the user's passkeys to the pending challenge."""

    sentence = _("That passkey was not accepted. Try again, or use a different method.")


class PasskeyUnknown(PasskeyRefused):
    """The passkey is not, or is no longer, allowed to answer here."""

    code = "unknown"
    sentence = _("That passkey is not on your account. Use another one, or a different method.")


class PasskeyExpired(PasskeyRefused):
    """The challenge was answered before, has expired, or was replaced by another one."""

    code = "expired"
    sentence = _("That took too long, or this page is open twice. Try again.")


class PasskeyCopied(PasskeyRefused):
    """The passkey reports fewer signatures than before, so there may be a copy of it."""

    code = "copied"
    sentence = _("This passkey was not accepted because it may have been copied. Use a different method, and remove this passkey.")


class PasskeyNotVerified(PasskeyRefused):
    """The authenticator has not checked a PIN, fingerprint or face, so the passkey is only one factor."""

    code = "unverified"
    sentence = _("Your passkey did not check your PIN, fingerprint or face. Sign in with your password.")


class PasskeyBehindPassword(PasskeyRefused):
    """The passkey was not enrolled for logins without a password."""

    code = "password"
    sentence = _("This passkey works only after your password. Sign in with your password, then use it.")


class PasskeyNotAdded(PasskeyRefused):
    """The browser did not send a valid new passkey for the pending challenge."""

    sentence = _("The passkey could not be added. Try again, or choose another one.")


class PasskeyNotMade(PasskeyNotAdded):
    """The form came without a passkey, because no script has asked the browser for one."""

    code = "missing"
    sentence = _("No passkey was added. Press the button and follow the instructions of your browser.")


class PasskeyTaken(PasskeyNotAdded):
    """The passkey is already enrolled, for this account or another one."""

    code = "taken"
    sentence = _("That passkey is already in use. Choose another one.")


class StillRequired(Refused):
    """The site requires a second factor, and this is the last one that satisfies the requirement."""

    code = "required"
    sentence = _("This site requires two-factor authentication, and this is your last device for it. Add another one first.")


class LoginEnded(TwoFactorError):
    """The pending login has ended, because the user, the password or the device has changed or is gone."""


class AppendOnly(TwoFactorError):
    """Code has tried to change or delete a row of the audit log."""
