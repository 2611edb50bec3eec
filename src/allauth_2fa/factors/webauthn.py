"""Passkeys and security keys (WebAuthn), with the credential model of django-otp-webauthn and verified by its helper.

The helper (``OTP_WEBAUTHN_HELPER_CLASS``) knows the domain and the origins, makes the options for the browser, and verifies
the browser's answers. This module checks what the helper does not: that each challenge is answered once, and that the
signature counter grows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import Error, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp_webauthn.utils import get_credential_model
from webauthn import verify_authentication_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from allauth_2fa import statements
from allauth_2fa.exceptions import (
    NothingEnrolled,
    PasskeyBehindPassword,
    PasskeyCopied,
    PasskeyExpired,
    PasskeyNotAdded,
    PasskeyRefused,
    PasskeyTaken,
    Refused,
)
from allauth_2fa.models import DeviceOptions

from . import ceremony
from .base import Factor
from .generic import alone

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django_otp.models import Device

    from .ceremony import Assertion, Question

logger = logging.getLogger(__name__)

LONGEST_ID = 1023
"""Length of the longest credential id in bytes (WebAuthn Level 3, 4)."""

LARGEST_COUNTER = 2**31 - 1
"""The largest number that django-otp-webauthn's column can hold on every database. At one use per second it lasts 68 years."""


class WebAuthnFactor(Factor):
    """Passkeys and security keys. The page has a button for them, and the browser answers with JSON."""

    id = api_type = "webauthn"
    label = _("passkey or security key")
    heading = _("Add a passkey or security key")
    intro = _("You sign in with a touch, a PIN, a fingerprint or your face. Phishing sites can't use it.")
    icon = "passkey"
    rank = 5
    typed = False
    enroll_page = "two-factor-add-passkey"

    @property
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices, ``OTP_WEBAUTHN_CREDENTIAL_MODEL``."""
        return get_credential_model()

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return False: passkeys have no typed codes."""
        return False

    def judge(self, device: Device, answer: str) -> None:
        """Refuse every typed answer. :meth:`judge_assertion` checks the answers of passkeys.

        Raises:
            PasskeyRefused: always.
        """
        raise PasskeyRefused

    @statements.lasting
    def devices(self, user: AbstractBaseUser) -> QuerySet[Device]:
        """Return the user's confirmed passkeys, annotated with ``is_passwordless``. The most recently used comes first."""
        return super().devices(user).annotate(is_passwordless=DeviceOptions.says(self.model, passwordless=True))

    def detail(self, device: Device) -> str:
        """Return a text that says that the passkey signs in without a password, if :meth:`devices` annotated it so."""
        return str(_("signs in without a password")) if getattr(device, "is_passwordless", False) else ""

    # Asking

    def ask(self, helper: Any, user: AbstractBaseUser | None) -> tuple[dict[str, Any], Question]:
        """Return the options for the browser, and the pending challenge to store.

        Args:
            helper: django-otp-webauthn's helper for the request.
            user: the user, if only the user's confirmed passkeys may answer; None for a login without a password, for which the
                authenticator must verify the user.

        Raises:
            NothingEnrolled: the user has no passkey.
        """
        options, state = helper.authenticate_begin(user=user, require_user_verification=user is None)
        options["allowCredentials"] = [] if user is None else self._allowed(options, user)
        return options, ceremony.put(options, state)

    def _allowed(self, options: dict[str, Any], user: AbstractBaseUser) -> list[Any]:
        """Return the descriptors of the user's confirmed passkeys. The helper lists unconfirmed ones too.

        Raises:
            NothingEnrolled: the user has no confirmed passkey.
        """
        confirmed = {bytes_to_base64url(bytes(key)) for key in self.devices(user).values_list("credential_id", flat=True)}
        allowed = [entry for entry in options.get("allowCredentials", []) if entry["id"] in confirmed]
        if not allowed:
            # An empty list would allow any passkey of the site to answer.
            raise NothingEnrolled
        return allowed

    # Judging

    def find(self, assertion: Assertion) -> Any:
        """Return the confirmed passkey with that id, of any user, annotated with ``is_passwordless``; None if there is none."""
        enrolled = self.model.objects.annotate(is_passwordless=DeviceOptions.says(self.model, passwordless=True)).select_related("user")
        return enrolled.filter(credential_id_sha256=self.fingerprint(assertion), confirmed=True).first()

    def fingerprint(self, assertion: Assertion) -> str:
        """Return the digest of the passkey's id, which is indexed."""
        model: Any = self.model
        return model.get_credential_id_sha256(assertion.credential_id)

    def is_known(self, assertion: Assertion) -> bool:
        """Return whether a passkey with that id exists, confirmed or not, for any user."""
        return self.model.objects.filter(credential_id_sha256=self.fingerprint(assertion)).exists()

    def judge_assertion(self, helper: Any, device: Device, assertion: Assertion, question: Question) -> None:
        """Accept the answer of a passkey, once.

        The answer is checked under a lock on the row. An accepted answer sets ``last_used_at`` to a time after the challenge was
        made, so the same answer is refused when it is posted again, even from an older session. This also holds for
        authenticators with a counter that stays 0.

        Args:
            helper: django-otp-webauthn's helper for the request.
            device: a confirmed passkey of the user who is signing in.
            assertion: the answer.
            question: the pending challenge from :meth:`ask`, for this user or for a login without a password.

        Raises:
            NothingEnrolled: the passkey has been removed in the meantime.
            PasskeyExpired: the passkey has been used since the challenge was made.
            PasskeyCopied: the counter has not grown, although the signature is right.
            PasskeyRefused: anything else is wrong.
        """
        refusal = _judge(helper, device, assertion, question)
        if refusal is not None:
            raise refusal

    def ensure_passwordless(self, device: Any, assertion: Assertion) -> None:
        """Check that the passkey may be used without a password.

        Args:
            device: a passkey from :meth:`find`, after its answer was accepted.
            assertion: the answer.

        Raises:
            PasskeyBehindPassword: the passkey is not enrolled for logins without a password.
            PasskeyRefused: the user handle in the answer is not that of the passkey's owner (WebAuthn Level 3, 7.2).
        """
        if not device.is_passwordless:
            raise PasskeyBehindPassword
        if assertion.user_handle is None or self.handle_of(device.user_id) != assertion.user_handle:
            raise PasskeyRefused

    def ensure_owner(self, device: Device, assertion: Assertion) -> None:
        """Check that the user handle in the answer does not belong to another user.

        Older versions of django-otp-webauthn did not store their handles. Such an unknown handle is accepted.

        Raises:
            PasskeyRefused: the handle belongs to another user.
        """
        handle = assertion.user_handle
        if handle and _handles().filter(handle_hex=handle.hex()).exclude(user_id=device.user_id).exists():
            raise PasskeyRefused

    def handle_of(self, user_id: object) -> bytes | None:
        """Return the WebAuthn user handle of the user, None if the user never added a passkey."""
        handle_hex = _handles().filter(user_id=user_id).values_list("handle_hex", flat=True).first()
        return bytes.fromhex(handle_hex) if handle_hex else None

    # Adding

    def ask_for_new(self, helper: Any, user: AbstractBaseUser, *, passwordless: bool) -> tuple[dict[str, Any], Question]:
        """Return the options with which the browser makes a passkey, and the pending challenge to store.

        Args:
            helper: django-otp-webauthn's helper for the request.
            user: the future owner of the passkey.
            passwordless: whether the passkey must work without a password. It is then a discoverable credential, and the
                authenticator must verify the user. Otherwise it uses none of the few slots of a security key.
        """
        options, _state = helper.register_begin(user)
        wanted = {"residentKey": "required", "userVerification": "required"} if passwordless else {"residentKey": "discouraged"}
        chosen = {**options.get("authenticatorSelection", {}), **wanted, "requireResidentKey": passwordless}
        options["authenticatorSelection"] = chosen
        return options, ceremony.put(options, helper.get_registration_state(options))

    def add(self, helper: Any, user: AbstractBaseUser, text: str, question: Question) -> tuple[Any, bool]:
        """Store a new passkey, and return it together with whether the authenticator has verified the user.

        The caller has locked the user (:func:`~allauth_2fa.models.lock_user`) in a transaction.

        Raises:
            PasskeyTaken: the passkey is enrolled already.
            PasskeyNotAdded: anything else is wrong.
        """
        data, created = ceremony.read_new(text)
        model: Any = self.model
        attested = created.attested_credential_data
        if attested is None or len(attested.credential_id) > LONGEST_ID or created.sign_count > LARGEST_COUNTER:
            raise PasskeyNotAdded
        digest = model.get_credential_id_sha256(attested.credential_id)
        if model._base_manager.filter(credential_id_sha256=digest).exists():
            raise PasskeyTaken
        try:
            device = helper.register_complete(user, question.state, data)
        except Error:
            raise
        except Exception as error:  # noqa: BLE001 - the libraries raise any exception for malformed input
            logger.info("A new passkey was refused: %s", type(error).__name__)
            raise PasskeyNotAdded from None
        return device, bool(created.flags.uv)


def _handles() -> Any:
    model: Any = apps.get_app_config("django_otp_webauthn").get_model("WebAuthnUserHandle")
    return model.objects


def _judge(helper: Any, device: Any, assertion: Assertion, question: Question) -> Refused | None:
    with alone(device) as row:
        if row is None:
            return NothingEnrolled()
        # The caller has loaded the owner; reuse it.
        row.user = device.user
        refusal = _refusal(helper, row, assertion, question)
        if refusal is None:
            device.last_used_at = _use_up(row, question)
        return refusal


def _refusal(helper: Any, row: Any, assertion: Assertion, question: Question) -> Refused | None:
    """Return why the answer is refused; None if it is accepted, and then the helper has stored the new counter."""
    if row.last_used_at is not None and row.last_used_at >= question.asked_at:
        return PasskeyExpired()
    if assertion.counter > LARGEST_COUNTER or assertion.backup_eligible != row.backup_eligible:
        # The backup-eligible flag of a passkey never changes (WebAuthn Level 3, 6.1.3 and 7.2).
        return PasskeyRefused()
    if (assertion.counter or row.sign_count) and assertion.counter <= row.sign_count:
        return PasskeyCopied() if _has_signed(helper, row, assertion, question) else PasskeyRefused()
    try:
        used = helper.authenticate_complete(user=row.user, state=question.state, data=assertion.data)
    except Error:
        raise
    except Exception as error:  # noqa: BLE001 - the libraries raise any exception for malformed input
        logger.info("The answer of a passkey was refused: %s", type(error).__name__)
        return PasskeyRefused()
    return None if used.pk == row.pk else PasskeyRefused()


def _has_signed(helper: Any, row: Any, assertion: Assertion, question: Question) -> bool:
    """Return whether the answer is right except for its counter. Only then is the owner told of a possible copy."""
    try:
        verify_authentication_response(
            credential=assertion.data,
            expected_challenge=base64url_to_bytes(question.state["challenge"]),
            expected_rp_id=helper.get_relying_party_domain(),
            expected_origin=helper.get_allowed_origins(),
            credential_public_key=bytes(row.public_key),
            credential_current_sign_count=0,
            require_user_verification=bool(question.state.get("require_user_verification")),
        )
    except Exception as error:  # noqa: BLE001 - the library raises any exception for malformed input
        logger.info("The answer of a passkey was refused: %s", type(error).__name__)
        return False
    return True


def _use_up(row: Any, question: Question) -> datetime:
    """Store and return the time of use, which is never before the challenge was made: the clocks of two hosts may differ."""
    moment = max(timezone.now(), question.asked_at)
    model = type(row)
    database = router.db_for_write(model, instance=row)
    model._base_manager.using(database).filter(pk=row.pk).update(last_used_at=moment)
    return moment
