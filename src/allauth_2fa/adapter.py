"""What allauth asks, and how this package answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from django.contrib import messages
from django.db import transaction
from django.urls import reverse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from allauth_2fa.browsers import trust
from allauth_2fa.budget import charging
from allauth_2fa.devices import addresses
from allauth_2fa.login import challenge, first_device, pending
from allauth_2fa.requirement import in_session, policy
from allauth_2fa.sessions import checked, reauthentication, verified

from . import compat
from .factors import lookup
from .state.pending import ENROLLMENT_KEY, PendingLogin, ProvedBy
from .state.request import request_state
from .utils import get_next_query_string

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest, HttpResponse

    from .mails import Mail

STAGE = "allauth_2fa.stages.TwoFactorStage"

TRUST_STAGE = "allauth_2fa.stages.TrustStage"

ENROLLMENT_STAGE = "allauth_2fa.stages.EnrollmentStage"

LATER_STAGES = (TRUST_STAGE, "allauth.mfa.stages.TrustStage", "allauth.mfa.webauthn.stages.PasskeySignupStage")
"""Stages that must find the second factor answered."""

ADDRESSES = "allauth.account"
"""For what allauth asks for a proof before it changes an e-mail address."""

NOT_DELETED = "account/messages/cannot_delete_primary_email.txt"
"""What allauth says of an address that cannot be removed."""


class TwoFactorAdapterMixin:
    """Adds the second factor to an account adapter of the project's own.

    It stands before the adapter class: ``class MyAdapter(TwoFactorAdapterMixin, DefaultAccountAdapter)``.
    """

    def has_2fa_enabled(self, user: AbstractBaseUser) -> bool:
        """Return whether logins of this user wait for a second factor. Override to decide otherwise.

        This costs one query, and none in a session that one of the user's devices has verified.
        """
        return verified.is_verified_by_factor(user) or lookup.has_primary(user)

    def get_2fa_authenticate_url(self, request: HttpRequest) -> str:
        """Return the page that asks for the second factor, with the query string of the login and its ``next``."""
        return reverse("two-factor-authenticate") + (get_next_query_string(request) or "")

    def is_two_factor_exempt(self, request: HttpRequest, user: AbstractBaseUser) -> bool:
        """Return whether the guard lets this session pass unproved, as it does where somebody else uses the account."""
        return self.is_impersonated(request)

    def is_impersonated(self, request: HttpRequest) -> bool:
        """Return whether somebody else uses the user's account in this request. Override it where support may do that.

        The guard asks nobody for the user's second factor then, and the pages about the user's devices are closed.
        """
        return False

    def may_trust_browser(self, user: AbstractBaseUser) -> bool:
        """Return whether this user may have browsers trusted. Override it to forbid some users what the settings allow.

        It is asked when the box is shown, when trust is given, and each time that it would let somebody pass.
        """
        return trust.default_rule(user)

    def is_factor_allowed(self, user: AbstractBaseUser, factor_id: str) -> bool:
        """Return whether this user may answer by that factor, and add devices of it. Override it to hold some users to more.

        Logins wait for devices that are not allowed all the same, and take no answer of theirs.
        """
        return True

    def send_two_factor_mail(self, mail: Mail) -> None:
        """Send a mail of this package with :meth:`send_mail`. Override it to hand the mail to a queue.

        An exception is logged by its type, and fails no login. If the mail has a code, the page says that it was not sent.
        """
        self.send_mail(mail.template_prefix, mail.address, mail.context)  # type: ignore[attr-defined]

    def get_login_stages(self) -> list[str]:
        """Return allauth's stages, with ours after its verification and instead of ``allauth.mfa``'s.

        What a user has to set up comes last, when a passkey that they have just signed up with is there.
        """
        ours = {*compat.MFA_STAGES, STAGE, TRUST_STAGE, ENROLLMENT_STAGE}
        stages = [stage for stage in super().get_login_stages() if stage not in ours]  # type: ignore[misc]
        later = [stage for stage in stages if stage in LATER_STAGES]
        earlier = [stage for stage in stages if stage not in LATER_STAGES]
        return [*earlier, STAGE, TRUST_STAGE, *later, ENROLLMENT_STAGE]

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """Return allauth's ways to confirm who one is, led by the second factor where the user has one.

        The password alone is none then: what it opens is what a stolen session with a known password must not open.
        """
        methods: list[dict[str, Any]] = reauthentication.without_our_factors(super().get_reauthentication_methods, user)  # type: ignore[misc]
        if not user.is_authenticated:
            return methods
        primary = [factor for factor in lookup.held(user) if factor.primary]
        if not primary:
            return reauthentication.without_password(methods) if compat.mfa_enabled_for(user) else methods
        devices = get_text_list([*dict.fromkeys(str(factor.label) for factor in primary)], _("or"))
        ours = {
            "id": "two_factor_reauthenticate",
            "description": _("Use your %(devices)s") % {"devices": devices},
            "url": reverse("two-factor-reauthenticate"),
        }
        return [ours, *reauthentication.without_password(methods)]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Return whether allauth has to ask for a proof first: always of a user to one of whose addresses codes go.

        To add, remove or change an address is to change a factor then.
        """
        required: bool = super().is_reauthentication_required(app=app, **kwargs)  # type: ignore[misc]
        user = current.request.user if current.request else None
        return required or (app == ADDRESSES and user is not None and user.is_authenticated and bool(addresses.at(user)))

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """Return whether the address can go: as allauth says, and not one to which the codes of the last second factor go."""
        can: bool = super().can_delete_email(email_address)  # type: ignore[misc]
        return can and (not email_address.pk or addresses.may_lose(email_address.user, email_address.email))

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        *texts: Any,
        **named: Any,
    ) -> None:
        """Add a message. Why an address cannot be removed is said in other words where codes go to it."""
        if message_template == NOT_DELETED and not addresses.may_lose(request.user, (message_context or {})["email"]):  # type: ignore[arg-type]
            message_template = "allauth_2fa/messages/address_needed.txt"
        named |= zip(("extra_tags", "message"), texts, strict=False)
        super().add_message(request, level, message_template, message_context=message_context, **named)  # type: ignore[misc]

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm the address. Devices whose address it replaces move to it, after a proof."""
        found = addresses.left_behind(email_address)
        if not found:
            return super().confirm_email(request, email_address)  # type: ignore[misc]
        if not addresses.may_move(request, email_address.user):
            raise ReauthenticationRequired
        with transaction.atomic():
            addresses.move(found, email_address.user, email_address.email)
            confirmed: bool = super().confirm_email(request, email_address)  # type: ignore[misc]
            if not confirmed:
                transaction.set_rollback(True)
        return confirmed

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Log the user in, bound to the device that answered; nobody whose proof is missing gets past here."""
        state = challenge.passed_state(request, user)
        if state is not None:
            state = self._admit(request, user, state)
        super().login(request, user)  # type: ignore[misc]
        if state is not None:
            _remember_what_was_proved(request, user, state)

    def _admit(self, request: HttpRequest, user: AbstractBaseUser, state: PendingLogin) -> PendingLogin:
        """Check that the login has proved what it has to as things are now, and return our stage's state of it."""
        enrolled = challenge.passed_state(request, user, ENROLLMENT_KEY)
        # The device that was just added counts before the one that was answered for.
        for passed in (state, enrolled) if enrolled else (state,):
            challenge.restore_backend(user, passed)
            device = challenge.proving_device(request, passed, user)
            if passed.needs_device and (device is None or not pending.is_sound(user, passed)):
                # While another stage came in between, the device was removed, the password changed or the user deactivated.
                compat.clear_login(request)
                raise ImmediateHttpResponse(end_login(request))
            if device is not None:
                user.otp_device = device  # type: ignore[attr-defined]
        if state.trust and not trust.still_passes(request, user, state.trust):
            compat.clear_login(request)
            raise ImmediateHttpResponse(end_login(request))
        if challenge.needs_challenge_now(request, user, state):
            return self._ask_again(request, user)
        request_state(request).has_passed = True
        return state

    def _ask_again(self, request: HttpRequest, user: AbstractBaseUser) -> PendingLogin:
        """Send a login back to our stage: while it waited at another one after ours, its user was given a second factor."""
        response = compat.enter_again(request, request_state(request).login)
        if response is not None:
            raise ImmediateHttpResponse(response)
        return self._admit(request, user, challenge.passed_state(request, user) or PendingLogin({}))


def _remember_what_was_proved(request: HttpRequest, user: AbstractBaseUser, state: PendingLogin) -> None:
    _remember_what_is_required(request, user)
    if compat.mfa_installed() and (state.proved_by is ProvedBy.MFA or checked.mfa_is_proved(request, user)):
        checked.remember_mfa(request, user)
    if not state.needs_device:
        if state.trust:
            trust.note(request, user, state.trust)
        checked.remember(request, user)
    else:
        # Nobody gets here whose proof is missing.
        charging.note_verified(request, user, user.otp_device)  # type: ignore[attr-defined]
        if state.wants_trust and trust.may_trust(user):
            trust.grant(request, user)
    login = request_state(request).login
    if login is not None and login.signup and user.has_usable_password() and not compat.records(request, user):
        # Whoever has just chosen the password knows it. allauth records logins and no signups, and would ask for it
        # again before the first factor is set up.
        compat.record(request, user, "password")


def _remember_what_is_required(request: HttpRequest, user: AbstractBaseUser) -> None:
    first_device.finish(request, user)
    requirement = request_state(request).requirement
    if requirement is not None and not requirement.is_due and not policy.is_sure(user):
        in_session.remember(request, user, requirement)


def end_login(request: HttpRequest) -> HttpResponse:
    """Lead to the login page, and say why."""
    from allauth.account.adapter import get_adapter  # noqa: PLC0415 - the project's adapter derives from this module

    get_adapter().add_message(request, messages.ERROR, "allauth_2fa/messages/login_ended.txt")
    return compat.headed_redirect_response("account_login")


class OTPAdapter(TwoFactorAdapterMixin, DefaultAccountAdapter):
    """allauth's account adapter with the second factor: ``ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"``."""
