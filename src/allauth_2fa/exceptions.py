"""How an answer fails. Each refusal carries the sentence that the person reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


def _clock_time(moment: datetime) -> str:
    """Return the moment as a clock time in the visitor's time zone.

    It has seconds when it is less than a minute away, and a date when it is not today.
    """
    near = moment - timezone.now() < timedelta(minutes=1)
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    today = timezone.localtime().date() if timezone.is_aware(moment) else timezone.now().date()
    far = "TIME_FORMAT" if local.date() == today else "SHORT_DATETIME_FORMAT"
    return date_format(local, "H:i:s" if near else far)


class TwoFactorError(Exception):
    """The root of everything that this package raises on its own account."""


class Refused(TwoFactorError):
    """The answer does not prove anything."""

    code: ClassVar[str] = "refused"
    sentence: ClassVar[_StrPromise] = _("That code is not right. Codes change every 30 seconds: enter the one that is showing now.")
    """What happened, then what to do."""
    judged: ClassVar[bool] = True
    """Whether a guesser has learnt that the answer is wrong: it then counts as a failure."""

    @property
    def message(self) -> str:
        """The sentence for the page, in the visitor's language."""
        return str(self.sentence)


class RecoveryCodeRefused(Refused):
    """No unused recovery code reads like that."""

    sentence = _("That recovery code is not right. Check each character, or use another one from your list.")


class AlreadyUsed(Refused):
    """The answer was right once, and an answer counts once."""

    code = "used"
    judged = False
    sentence = _("That code has been used. Wait for the next one.")


class RecoveryCodeUsed(AlreadyUsed):
    """That recovery code has been spent."""

    sentence = _("That recovery code has been used. Each one works once: take another one from your list.")


class ClockOff(Refused):
    """The code belongs to another moment: the clock of the device differs from ours.

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
    """At the login, where only codes of the past are spoken of: those of the future would tell a guesser what to wait for."""

    sentence = ngettext_lazy(
        "That code would have been right %(n)d minute ago. Check that your phone sets its time automatically.",
        "That code would have been right %(n)d minutes ago. Check that your phone sets its time automatically.",
        "n",
    )


class ClockWrong(ClockOff):
    """At the setup, where the secret is on the page and there is nothing to guess."""

    sentence = ngettext_lazy(
        "That code is right, but the clock of your device seems to be off by about %(n)d minute. "
        "Let it set its time automatically, then enter the code that is showing now.",
        "That code is right, but the clock of your device seems to be off by about %(n)d minutes. "
        "Let it set its time automatically, then enter the code that is showing now.",
        "n",
    )


class NotYet(Refused):
    """It is too early.

    Args:
        until: when it can be tried again; None when that is not known.
    """

    judged = False
    sentence_with_time: ClassVar[_StrPromise]

    def __init__(self, until: datetime | None = None) -> None:
        super().__init__(until)
        self.until = until

    @property
    def message(self) -> str:
        """The sentence for the page, with a clock time in the visitor's time zone if one is known."""
        return super().message if self.until is None else self.sentence_with_time % {"time": _clock_time(self.until)}


class Throttled(NotYet):
    """Too many wrong answers to this device: it does not judge before ``until``."""

    code = "throttled"
    sentence = _("Too many tries. Wait a moment, then try again.")
    sentence_with_time = _("Too many tries. You can try again at %(time)s.")


class Locked(NotYet):
    """So many codes were wrong, in the browsers that the user has not verified in, that none is judged there any more."""

    code = "locked"
    sentence = sentence_with_time = _(
        "Codes are locked for new browsers after too many wrong tries. Use a recovery code or a passkey, or prove your app with "
        "three codes in a row: type each one behind the last, into the same field."
    )


class LockedHere(Locked):
    """So many codes in a row were wrong, in a browser in which the user has verified before, that none is judged there."""

    sentence = sentence_with_time = _(
        "Codes are locked in this browser after too many wrong tries. Use a recovery code or a passkey, or prove your app with "
        "three codes in a row: type each one behind the last, into the same field."
    )


class TooSoon(NotYet):
    """A code was sent a short while ago, and another one is not sent before ``until``."""

    code = "cooldown"
    sentence = _("A code was sent a moment ago. Wait a little before you have another one sent.")
    sentence_with_time = _("A code was sent a moment ago. You can have another one sent at %(time)s.")


class DeviceRefused(Refused):
    """A device of a kind that this package knows nothing more of has refused the answer."""

    sentence = _("That code is not right. Check it, or use another way.")


class NotJudged(Refused):
    """A device could not tell whether the answer is right: a server did not reply. It counts: a model may raise for wrong ones."""

    code = "unjudged"
    sentence = _("The code could not be checked. Try again in a moment, or use another way.")


class Unreadable(NotJudged):
    """The secret of the device cannot be read, so that nobody has looked at the answer."""

    judged = False


class CounterOff(DeviceRefused):
    """A token that counts shows another code: a wrong one, or its button was pressed too often."""

    sentence = _("That code is not right. If you have pressed the button without signing in, enter two codes in a row.")


class NotSent(Refused):
    """The answer is for a code that this login has not been sent, or that another one has replaced."""

    code = "expired"
    judged = False
    sentence = _("That code has expired. Have a new one sent.")


class NotDelivered(Refused):
    """The code could not be sent."""

    code = "undelivered"
    judged = False
    sentence = _("The code could not be sent. Try again in a moment, or use another way.")


class AddressRefused(Refused):
    """No code is sent to that e-mail address: it is not one that the user has confirmed, or not any more."""

    code = "address"
    sentence = _("That e-mail address is not confirmed on your account. Confirm it there, or use another way.")


class NoAddress(AddressRefused):
    """The device has no e-mail address of its own. It does not follow that of its user."""

    sentence = _(
        "No e-mail address is set for that device, so no code can be sent to it. Use another way, or ask the people who run the site."
    )


class NumberRefused(Refused):
    """What was typed is no phone number that can be called from anywhere."""

    code = "number"
    judged = False
    sentence = _("Enter the number with its country code, as in +44 7700 900123.")


class AlreadyAdded(Refused):
    """The user holds a device for that number or address."""

    code = "added"
    judged = False
    sentence = _("That is on your account already. Enter another one.")


class NotAllowed(Refused):
    """The project's adapter permits this user no device of that kind."""

    code = "policy"
    judged = False
    sentence = _("This account needs a stronger device than that one. Use another way to sign in.")


class NothingEnrolled(Refused):
    """The user has no device that could judge this answer."""

    code = "nothing"
    judged = False
    sentence = _("There is no such device on this account. Choose another way to sign in.")


class EnrollmentEnded(Refused):
    """Another page, or another session, has replaced, confirmed or removed the device that was being set up."""

    code = "ended"
    judged = False
    sentence = _("This setup has been replaced by a newer one. Scan the code that is shown now.")


class NoRoom(Refused):
    """The user holds as many devices as ``ALLAUTH_2FA_MAX_DEVICES`` permits."""

    code = "room"
    judged = False
    sentence = _("There is no room for another device. Remove one that you no longer use.")


class PasskeyRefused(Refused):
    """What the browser has handed over is not an answer of one of the user's passkeys to the challenge that waits."""

    sentence = _("That passkey was not accepted. Try again, or use another way.")


class PasskeyUnknown(PasskeyRefused):
    """The passkey is not, or no longer, one of those that may answer here."""

    code = "unknown"
    sentence = _("That passkey is not in use here, or not any more. Use another one, or another way.")


class PasskeyExpired(PasskeyRefused):
    """The challenge was answered before, was put too long ago, or another one has replaced it."""

    code = "expired"
    sentence = _("That took too long, or this page was open twice. Try again.")


class PasskeyCopied(PasskeyRefused):
    """The passkey has signed, and counts fewer signatures than it had before: there may be two of it."""

    code = "copied"
    sentence = _(
        "This passkey was not accepted: it seems that there is a copy of it, since this site has seen more uses than it has "
        "counted. Use another way, and remove it from your account."
    )


class PasskeyNotVerified(PasskeyRefused):
    """The authenticator has not checked who is there, so that the passkey proves one factor and not both."""

    code = "unverified"
    sentence = _("Your passkey did not check that it is you, by a PIN, a fingerprint or your face. Sign in with your password.")


class PasskeyBehindPassword(PasskeyRefused):
    """The passkey was not enrolled for logins without a password."""

    code = "password"
    sentence = _("This passkey works behind your password only. Sign in with your password, then use it.")


class PasskeyNotAdded(PasskeyRefused):
    """What the browser has handed over is not a new passkey for the challenge that waits."""

    sentence = _("The passkey could not be added. Try again, or choose another one.")


class PasskeyNotMade(PasskeyNotAdded):
    """The form came without a passkey: no script has asked the browser for one."""

    code = "missing"
    sentence = _("No passkey was added. Press the button, and follow your browser.")


class PasskeyTaken(PasskeyNotAdded):
    """That passkey is enrolled already, for this account or for another one."""

    code = "taken"
    sentence = _("That passkey is in use already. Choose another one.")


class StillRequired(Refused):
    """The site requires a second factor of the user, and this is the last one that satisfies it."""

    code = "required"
    sentence = _("This site asks you for a second factor, and this is the last one that will do. Add another one first.")


class LoginEnded(TwoFactorError):
    """The pending login that this answer was for is over: the user, the password or the device is gone."""


class AppendOnly(TwoFactorError):
    """Somebody has tried to change or to delete a row of the audit log."""
