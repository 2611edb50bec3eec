"""Passkeys and security keys (WebAuthn), on the credentials of django-otp-webauthn and judged by its helper.

A helper (``OTP_WEBAUTHN_HELPER_CLASS``) says for which domain and origins passkeys are, makes the options that browsers
ask for, and verifies what they hand over. What it does not look at is looked at here: that each challenge counts once,
and that the counter grows.
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
"""Bytes of a credential's id (WebAuthn Level 3, 4)."""

LARGEST_COUNTER = 2**31 - 1
"""The largest figure that django-otp-webauthn's column holds on every database. At one use a second it lasts 68 years."""


class WebAuthnFactor(Factor):
    """Passkeys and security keys. They are asked for by a button, and answered for by the browser's JSON."""

    id = "webauthn"
    label = _("passkey or security key")
    intro = _("Your phone, computer or security key signs you in by a touch, a PIN, a fingerprint or your face. No false site can use it.")
    icon = "passkey"
    rank = 5
    typed = False
    enroll_page = "two-factor-add-passkey"

    @property
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices, ``OTP_WEBAUTHN_CREDENTIAL_MODEL``."""
        return get_credential_model()

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer looks like one of the device's codes: it has none."""
        return False

    def judge(self, device: Device, answer: str) -> None:
        """Refuse whatever was typed. See :meth:`judge_assertion`."""
        raise PasskeyRefused

    @statements.lasting
    def devices(self, user: AbstractBaseUser) -> QuerySet[Device]:
        """Return the user's confirmed passkeys, the last used one first, with ``is_passwordless``."""
        return super().devices(user).annotate(is_passwordless=DeviceOptions.says(self.model, passwordless=True))

    def detail(self, device: Device) -> str:
        """Return whether it works without a password, of a passkey that :meth:`devices` gave."""
        return str(_("signs in without a password")) if getattr(device, "is_passwordless", False) else ""

    # Asking

    def ask(self, helper: Any, user: AbstractBaseUser | None) -> tuple[dict[str, Any], Question]:
        """Return the options for the browser, and the question to keep.

        Args:
            helper: django-otp-webauthn's, of the request.
            user: whose confirmed passkeys may answer; None for a login without a password, where the authenticator must
                check who is there.

        Raises:
            NothingEnrolled: the user has no passkey.
        """
        options, state = helper.authenticate_begin(user=user, require_user_verification=user is None)
        options["allowCredentials"] = [] if user is None else self._allowed(options, user)
        return options, ceremony.put(options, state)

    def _allowed(self, options: dict[str, Any], user: AbstractBaseUser) -> list[Any]:
        """Return the user's confirmed passkeys. The helper names the others too."""
        confirmed = {bytes_to_base64url(bytes(key)) for key in self.devices(user).values_list("credential_id", flat=True)}
        allowed = [entry for entry in options.get("allowCredentials", []) if entry["id"] in confirmed]
        if not allowed:
            # An empty list would let any passkey of the site's answer.
            raise NothingEnrolled
        return allowed

    # Judging

    def find(self, assertion: Assertion) -> Any:
        """Return the confirmed passkey of that id, whoever has it, with ``is_passwordless``; None if there is none."""
        enrolled = self.model.objects.annotate(is_passwordless=DeviceOptions.says(self.model, passwordless=True)).select_related("user")
        return enrolled.filter(credential_id_sha256=self.fingerprint(assertion), confirmed=True).first()

    def fingerprint(self, assertion: Assertion) -> str:
        """Return by which digest the passkey of that id is found."""
        model: Any = self.model
        return model.get_credential_id_sha256(assertion.credential_id)

    def is_known(self, assertion: Assertion) -> bool:
        """Return whether there is a passkey of that id in whatever state, whoever has it."""
        return self.model.objects.filter(credential_id_sha256=self.fingerprint(assertion)).exists()

    def judge_assertion(self, helper: Any, device: Device, assertion: Assertion, question: Question) -> None:
        """Accept the answer of a passkey, once, or raise what it is instead.

        The verdict falls under the row's lock, and an accepted answer moves ``last_used_at`` behind the moment at which the
        question was put: whoever posts the same answer again, from an old session too, is too late. This holds for
        authenticators whose counter stays 0 as well.

        Args:
            helper: django-otp-webauthn's, of the request.
            device: a confirmed passkey, of the user who is to be proved.
            assertion: the answer.
            question: what :meth:`ask` gave for this user, or for a login without a password.

        Raises:
            NothingEnrolled: the passkey was removed meanwhile.
            PasskeyExpired: the question was put before the passkey was last used.
            PasskeyCopied: the counter does not grow.
            PasskeyRefused: anything else is wrong.
        """
        refusal = _judge(helper, device, assertion, question)
        if refusal is not None:
            raise refusal

    def ensure_passwordless(self, device: Any, assertion: Assertion) -> None:
        """Check that the passkey serves without a password.

        Args:
            device: a passkey that :meth:`find` gave, and whose answer was accepted.
            assertion: the answer.

        Raises:
            PasskeyBehindPassword: the passkey is not enrolled for logins without a password.
            PasskeyRefused: the answer does not name the owner of the passkey (WebAuthn Level 3, 7.2).
        """
        if not device.is_passwordless:
            raise PasskeyBehindPassword
        if assertion.user_handle is None or self.handle_of(device.user_id) != assertion.user_handle:
            raise PasskeyRefused

    def ensure_owner(self, device: Device, assertion: Assertion) -> None:
        """Check that the answer does not name another user as the owner of the passkey.

        The handles that django-otp-webauthn gave out before it kept them belong to nobody that is known, and still count.
        """
        handle = assertion.user_handle
        if handle and _handles().filter(handle_hex=handle.hex()).exclude(user_id=device.user_id).exists():
            raise PasskeyRefused

    def handle_of(self, user_id: object) -> bytes | None:
        """Return by which handle the user's passkeys name their owner, None if none was ever added."""
        handle_hex = _handles().filter(user_id=user_id).values_list("handle_hex", flat=True).first()
        return bytes.fromhex(handle_hex) if handle_hex else None

    # Adding

    def ask_for_new(self, helper: Any, user: AbstractBaseUser, *, passwordless: bool) -> tuple[dict[str, Any], Question]:
        """Return the options by which the browser makes a passkey, and the question to keep.

        Args:
            helper: django-otp-webauthn's, of the request.
            user: whose passkey it will be.
            passwordless: whether it has to work without a password. It is then kept by the authenticator, which must check
                who is there; otherwise it takes up none of the few places in a security key.
        """
        options, _state = helper.register_begin(user)
        wanted = {"residentKey": "required", "userVerification": "required"} if passwordless else {"residentKey": "discouraged"}
        chosen = {**options.get("authenticatorSelection", {}), **wanted, "requireResidentKey": passwordless}
        options["authenticatorSelection"] = chosen
        return options, ceremony.put(options, helper.get_registration_state(options))

    def add(self, helper: Any, user: AbstractBaseUser, text: str, question: Question) -> tuple[Any, bool]:
        """Store a new passkey, and return it with whether the authenticator has checked who was there.

        The caller holds the user's turn, in a transaction.

        Raises:
            PasskeyTaken: it is enrolled already.
            PasskeyNotAdded: anything else is wrong.
        """
        data, created = ceremony.read_new(text)
        model: Any = self.model
        attested = created.attested_credential_data
        if attested is None or len(attested.credential_id) > LONGEST_ID or created.sign_count > LARGEST_COUNTER:
            raise PasskeyNotAdded
        digest = model.get_credential_id_sha256(attested.credential_id)
        if model._base_manager.filter(credential_id_sha256=digest).exists():  # noqa: SLF001 - Django documents it
            raise PasskeyTaken
        try:
            device = helper.register_complete(user, question.state, data)
        except Error:
            raise
        except Exception as error:  # noqa: BLE001 - the libraries raise any, for what anybody may post
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
        # Whoever has loaded the owner already need not do it again.
        row.user = device.user
        refusal = _refusal(helper, row, assertion, question)
        if refusal is None:
            device.last_used_at = _use_up(row, question)
        return refusal


def _refusal(helper: Any, row: Any, assertion: Assertion, question: Question) -> Refused | None:
    """Return what is wrong with the answer, None if nothing is; the helper has noted the counter then."""
    if row.last_used_at is not None and row.last_used_at >= question.asked_at:
        return PasskeyExpired()
    if assertion.counter > LARGEST_COUNTER or assertion.backup_eligible != row.backup_eligible:
        # Whether a passkey may be kept elsewhere never changes (WebAuthn Level 3, 6.1.3 and 7.2).
        return PasskeyRefused()
    if (assertion.counter or row.sign_count) and assertion.counter <= row.sign_count:
        return PasskeyCopied() if _has_signed(helper, row, assertion, question) else PasskeyRefused()
    try:
        used = helper.authenticate_complete(user=row.user, state=question.state, data=assertion.data)
    except Error:
        raise
    except Exception as error:  # noqa: BLE001 - the libraries raise any, for what anybody may post
        logger.info("The answer of a passkey was refused: %s", type(error).__name__)
        return PasskeyRefused()
    return None if used.pk == row.pk else PasskeyRefused()


def _has_signed(helper: Any, row: Any, assertion: Assertion, question: Question) -> bool:
    """Return whether the answer is right but for its counter. Nobody else's word is told to the owner."""
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
    except Exception as error:  # noqa: BLE001 - the library raises any, for what anybody may post
        logger.info("The answer of a passkey was refused: %s", type(error).__name__)
        return False
    return True


def _use_up(row: Any, question: Question) -> datetime:
    """Note that the passkey was used, not before the question was put: the clocks of two hosts differ."""
    moment = max(timezone.now(), question.asked_at)
    model = type(row)
    database = router.db_for_write(model, instance=row)
    model._base_manager.using(database).filter(pk=row.pk).update(last_used_at=moment)  # noqa: SLF001 - Django documents it
    return moment
