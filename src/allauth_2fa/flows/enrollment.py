"""Adding an authenticator app: begin, complete; and taking the second factor away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_otp
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from allauth_2fa.exceptions import EnrollmentEnded, NothingEnrolled
from allauth_2fa.factors import registry
from allauth_2fa.factors.base import clean_answer
from allauth_2fa.models import take_turn

from . import challenge, guard

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.plugins.otp_totp.models import TOTPDevice

SHOWN_SESSION_KEY = "allauth_2fa_setup"
"""The fingerprint of the secret that this session has been shown."""

CODES_DUE_SESSION_KEY = "allauth_2fa_codes_due"
"""Present from the first enrollment until the recovery codes have been made and shown."""


def waiting(user: AbstractBaseUser) -> TOTPDevice | None:
    """Return the device that waits to be confirmed (one query)."""
    return registry.totp.model.objects.filter(user_id=user.pk, confirmed=False).order_by("pk").first()


def begin(request: HttpRequest, user: AbstractBaseUser, *, anew: bool = False) -> tuple[TOTPDevice, bool]:
    """Return the one device that waits to be confirmed, made if there is none, and whether its secret is a new one.

    The secret stays until it is used, within one session. Another session of the same user gets another secret: whoever
    knew the password before the second factor was set up may have looked at the old one.

    Args:
        request: whose session has been shown the secret, or will be.
        user: whose device it is.
        anew: the visitor asked for another secret.

    Raises:
        EnrollmentEnded: another request has confirmed or removed the device just now.
    """
    found = list(registry.totp.model.objects.filter(user_id=user.pk).order_by("pk"))
    if any(device.confirmed for device in found):
        raise EnrollmentEnded
    device = found[0] if found else registry.totp.begin(user)
    if len(found) > 1:
        registry.totp.model.objects.filter(pk__in=[extra.pk for extra in found[1:]], confirmed=False).delete()
    is_new = not found or anew or request.session.get(SHOWN_SESSION_KEY) != _fingerprint(device)
    if is_new and found:
        _replace_secret(device)
    if is_new:
        request.session[SHOWN_SESSION_KEY] = _fingerprint(device)
    return device, is_new


def _replace_secret(device: TOTPDevice) -> None:
    try:
        registry.totp.replace_secret(device)
    except NothingEnrolled:
        raise EnrollmentEnded from None


def _fingerprint(device: TOTPDevice) -> str:
    """Return what tells one secret from another without telling the secret: sessions may be readable cookies."""
    return salted_hmac(SHOWN_SESSION_KEY, device.key, algorithm="sha256").hexdigest()


@sensitive_variables("text")
def check(user: AbstractBaseUser, text: str) -> TOTPDevice:
    """Return the waiting device if the code belongs to its secret. Nothing is written.

    Raises:
        EnrollmentEnded: no device is waiting.
        ClockWrong: the code is right for another moment.
        Refused: the code does not belong to the secret.
    """
    device = waiting(user)
    if device is None:
        raise EnrollmentEnded
    registry.totp.check(device, clean_answer(text))
    return device


@sensitive_variables("text")
def complete(device: TOTPDevice, text: str) -> None:
    """Confirm the device by the code, which counts as used.

    Raises:
        EnrollmentEnded: the device was confirmed, replaced or removed meanwhile.
        Refused: the code does not belong to the secret.
    """
    try:
        registry.totp.complete(device, clean_answer(text))
    except NothingEnrolled:
        raise EnrollmentEnded from None


def name(device: TOTPDevice, text: str) -> None:
    """Give the device the name that its owner knows it by. Nothing depends on it."""
    registry.totp.model.objects.filter(pk=device.pk, user_id=device.user_id).update(name=text)
    device.name = text


def welcome(request: HttpRequest, user: AbstractBaseUser, device: TOTPDevice) -> None:
    """Make the session that has enrolled the device a verified one, under a new key, and promise it recovery codes."""
    request.session.pop(SHOWN_SESSION_KEY, None)
    request.session[CODES_DUE_SESSION_KEY] = True
    request.session.cycle_key()
    django_otp.login(request, device)
    challenge.note_proof(request, user, device)


def remove(user: AbstractBaseUser) -> None:
    """Take the second factor away: the authenticator apps, confirmed or waiting, and what stood in for them."""
    with transaction.atomic():
        take_turn(user.pk)
        for factor in registry.factors():
            # First the devices, then what hangs on them, in the order in which an answer takes them.
            factor.model.objects.filter(user_id=user.pk).update(confirmed=False)
            factor.model.objects.filter(user_id=user.pk).delete()


def part(request: HttpRequest, user: AbstractBaseUser) -> None:
    """Make the session that has removed the second factor an ordinary one, under a new key."""
    for key in (django_otp.DEVICE_ID_SESSION_KEY, SHOWN_SESSION_KEY, CODES_DUE_SESSION_KEY):
        request.session.pop(key, None)
    guard.remember(request, user)
    request.session.cycle_key()
