"""Passkeys: asking the browser for one, judging what it hands over, adding one, and telling it which ones are left.

Each question is kept with the challenge, in the state of a login's stage or in the session, with its purpose and its user. It
is taken from there before the answer is judged; that it counts once even in a session that is sent again is the factor's business.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django.db import IntegrityError, transaction
from django.utils import timezone

from allauth_2fa import app_settings
from allauth_2fa.audit import events
from allauth_2fa.exceptions import NothingEnrolled, PasskeyCopied, PasskeyExpired, PasskeyNotAdded, PasskeyTaken, PasskeyUnknown
from allauth_2fa.factors import passkey_names, registry
from allauth_2fa.factors.base import LONGEST_ANSWER
from allauth_2fa.models import DeviceOptions, lock_user
from allauth_2fa.sessions import ending
from allauth_2fa.state.session import SessionState, session_state

from . import enrollment, manage
from .enrollment import Enrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from django_otp.models import Device

    from allauth_2fa.factors.ceremony import Question
    from allauth_2fa.factors.webauthn import WebAuthnFactor
    from allauth_2fa.state.store import ChallengeStore

PROVING, ADDING = "passkey", "passkey_new"
"""The purposes of a question: to prove something, and to add a new passkey."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def factor() -> WebAuthnFactor | None:
    """Return the factor of passkeys, None where django-otp-webauthn is not installed or the factor is off."""
    return cast("WebAuthnFactor | None", registry.by_id("webauthn"))


def factor_in_use() -> WebAuthnFactor:
    """Return the factor of passkeys.

    Raises:
        NothingEnrolled: there is none on this site.
    """
    found = factor()
    if found is None:
        raise NothingEnrolled
    return found


def helper(request: HttpRequest | None) -> Any:
    """Return django-otp-webauthn's helper for the request: the site may have its own (``OTP_WEBAUTHN_HELPER_CLASS``)."""
    model: Any = factor_in_use().model
    return model.get_webauthn_helper(request)


def may_log_in() -> bool:
    """Return whether passkeys sign in without a password on this site."""
    return bool(app_settings.PASSKEY_LOGIN) and factor() is not None


# Questions


def microseconds(moment: datetime) -> int:
    """Return the moment as a session can hold it: Unix time, in microseconds."""
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the moment that a session holds."""
    return EPOCH + microseconds * MICROSECOND


def keep(store: ChallengeStore, purpose: str, user: AbstractBaseUser | None, question: Question, **facts: Any) -> None:
    """Keep a question until it is answered, instead of an earlier one for the same purpose."""
    time = {"asked": microseconds(question.asked_at), "until": microseconds(question.until)}
    store.keep_question(purpose, {"state": question.state, **time, "user": _id_of(user), **facts})


def take(store: ChallengeStore, purpose: str, user: AbstractBaseUser | None) -> tuple[Question, dict[str, Any]]:
    """Take the question of that purpose and user from its store, with the facts that were kept beside it.

    Raises:
        PasskeyExpired: there is none, or its time is over.
    """
    from allauth_2fa.factors.ceremony import Question  # noqa: PLC0415 - it demands that django-otp-webauthn is installed

    kept = store.take_question(purpose)
    try:
        question = Question(kept["state"], moment(kept["asked"]), moment(kept["until"]))
        is_mine = kept["user"] == _id_of(user)
    except (KeyError, OverflowError, TypeError):
        # A session may hold anything.
        raise PasskeyExpired from None
    if not is_mine or not question.asked_at <= timezone.now() < question.until:
        raise PasskeyExpired
    return question, kept


def _id_of(user: AbstractBaseUser | None) -> str | None:
    return None if user is None else str(user.pk)


# Proving


def recognizes(text: str) -> bool:
    """Return whether the text is what a browser hands over for a passkey, and no code."""
    return len(text) > LONGEST_ANSWER and text.lstrip().startswith("{") and factor() is not None


def ask(request: HttpRequest, user: AbstractBaseUser, store: ChallengeStore) -> dict[str, Any]:
    """Put a question to the user's passkeys, keep it in the store, and return the options for the browser.

    Raises:
        NothingEnrolled: the user has no passkey.
    """
    options, question = factor_in_use().ask(helper(request), user)
    keep(store, PROVING, user, question)
    return options


def answer(request: HttpRequest | None, user: AbstractBaseUser, text: str, held: Sequence[Any], store: ChallengeStore) -> Device:
    """Judge what the browser has handed over, once, and return the passkey that has answered.

    Args:
        request: in which it comes: django-otp-webauthn's helper takes the site from it.
        user: who has to prove something.
        text: the browser's JSON.
        held: the user's confirmed devices.
        store: where :func:`ask` has kept the question.

    Raises:
        PasskeyUnknown: none of these devices has signed.
        PasskeyExpired: no such question waits.
        Refused: the answer proves nothing; the exception says why.
    """
    from allauth_2fa.factors.ceremony import Assertion  # noqa: PLC0415 - it demands that django-otp-webauthn is installed

    question, _kept = take(store, PROVING, user)
    assertion = Assertion.read(text)
    judge = factor_in_use()
    digest = judge.fingerprint(assertion)
    device = next((device for device in held if getattr(device, "credential_id_sha256", None) == digest), None)
    if device is None:
        raise PasskeyUnknown
    device.user = user
    judge.ensure_owner(device, assertion)
    judge_telling(request, device, assertion, question)
    return cast("Device", device)


def judge_telling(request: HttpRequest | None, device: Any, assertion: Any, question: Question) -> None:
    """Let the factor judge the answer, and tell the owner if there seems to be a copy of the passkey."""
    try:
        factor_in_use().judge_assertion(helper(request), device, assertion, question)
    except PasskeyCopied:
        # The owner is mailed for it.
        events.announce("passkey_cloned", device.user, request=request, device=device)
        raise


# Adding


def ask_for_new(request: HttpRequest, user: AbstractBaseUser, *, passwordless: bool) -> dict[str, Any]:
    """Ask the browser for a new passkey, keep the question in the session, and return the options.

    Args:
        request: whose session keeps the question.
        user: whose passkey it will be.
        passwordless: whether it is to sign in without a password, where the site allows that.
    """
    passwordless = passwordless and may_log_in()
    options, question = factor_in_use().ask_for_new(helper(request), user, passwordless=passwordless)
    keep(session_state(request, user), ADDING, user, question, passwordless=passwordless)
    return options


def add(request: HttpRequest, user: AbstractBaseUser, text: str, name: str = "") -> Enrolled:
    """Store the passkey that the browser has made, and return what has become of it.

    It signs in without a password only if that was asked for, is allowed, and the authenticator has checked who was there.

    Args:
        request: whose session keeps the question.
        user: whose passkey it is.
        text: the browser's JSON.
        name: what its owner calls it; empty to call it after what holds it, if that is known.

    Raises:
        PasskeyExpired: no such question waits.
        NoRoom: the user holds as many devices as there may be.
        PasskeyTaken: it is enrolled already.
        PasskeyNotAdded: it is not what was asked for.
    """
    question, kept = take(session_state(request, user), ADDING, user)
    try:
        with transaction.atomic():
            lock_user(user.pk)
            held = manage.ensure_room(user.pk)
            if held and not enrollment.has_proved(request, user):
                # Another session has set up the first factor meanwhile. The password is not enough any more.
                raise PasskeyNotAdded
            device, user_verified = factor_in_use().add(helper(request), user, text, question)
            manage.name(device, name or passkey_names.name_of(device))
            sessions_ended = None if held else ending.invalidate(user)
            events.announce("device_added", user, request=request, device=device, factor=manage.factor_id(device))
            passwordless = kept.get("passwordless") is True and user_verified and may_log_in()
            # It says no, too: an earlier passkey with that key may have left its options here.
            DeviceOptions.write(device, passwordless=passwordless)
    except IntegrityError:
        # Somebody has added the same one at the same moment.
        raise PasskeyTaken from None
    return Enrolled(device, is_first=not held, sessions_ended=sessions_ended)


# What the browser is told


def note_change(request: HttpRequest) -> None:
    """Let the next page tell the browser which passkeys are left."""
    if factor() is not None:
        SessionState(request.session, request.user).passkeys_changed = True


def take_change(request: HttpRequest) -> str:
    """Return, once after a change, what ``PublicKeyCredential.signalAllAcceptedCredentials`` is to be told, as JSON.

    Password managers then hide the passkeys that are not on the list.
    """
    user, judge = request.user, factor()
    if judge is None or not user.is_authenticated:
        return ""
    state = SessionState(request.session, user)
    if not state.passkeys_changed:
        return ""
    state.passkeys_changed = False
    handle = judge.handle_of(user.pk)
    if handle is None:
        return ""
    kept = judge.model.objects.filter(user_id=user.pk).values_list("credential_id", flat=True)
    facts = {"rpId": helper(request).get_relying_party_domain(), "userId": base64(handle)}
    return json.dumps({**facts, "allAcceptedCredentialIds": [base64(bytes(credential)) for credential in kept]})


def base64(raw: bytes) -> str:
    """Return the bytes as WebAuthn writes them in JSON."""
    from webauthn.helpers import bytes_to_base64url  # noqa: PLC0415 - it comes with django-otp-webauthn, which is optional

    return bytes_to_base64url(raw)


def allowed_origins(request: HttpRequest) -> list[str]:
    """Return the origins that may use the site's passkeys, for ``/.well-known/webauthn``."""
    return [origin for origin in helper(request).get_allowed_origins() if origin.startswith("https://")]
