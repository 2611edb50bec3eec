"""What the endpoints share at which a user answers by a device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from allauth_2fa.answers import verify
from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import LoginEnded, PasskeyRefused, Refused
from allauth_2fa.headless import compat as api
from allauth_2fa.headless import inputs, responses

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest, HttpResponse
    from django_otp.models import Device

    from allauth_2fa.state.store import ChallengeStore


class AskingView(api.View, ABC):
    """Judges an answer, and says in allauth's words why it is refused."""

    input_class: ClassVar[Any] = {"POST": inputs.CodeInput}
    param: ClassVar[str] = "code"
    """The name of the input that holds the answer."""
    mfa_view: ClassVar[str]
    """The name of ``allauth.mfa``'s view for this endpoint, which serves its own users."""
    input: Any

    @abstractmethod
    def get_user(self) -> AbstractBaseUser:
        """Return whose devices may answer."""

    @abstractmethod
    def get_store(self) -> ChallengeStore:
        """Return where it is kept what was asked: an answer counts only where it was asked for."""

    @abstractmethod
    def accept(self, device: Device) -> HttpResponse:
        """Go on after the device has accepted the answer, and return the response."""

    @abstractmethod
    def end(self) -> HttpResponse:
        """Return the response to a user who has no device left to answer by."""

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Judge the answer, once."""
        try:
            device = self.judge()
        except LoginEnded:
            return self.end()
        except Refused as refusal:
            return self.refuse(refusal)
        return self.accept(device)

    def judge(self) -> Device:
        """Return the device that has accepted the answer."""
        return verify.answer(self.get_user(), self.input.answer, self.input.device_id, store=self.get_store())

    def refuse(self, refusal: Refused) -> HttpResponse:
        """Return the response to an answer that is refused."""
        return responses.refused(self.request, refusal, self.param)


class AskingPasskeys(AskingView):
    """Puts a question to the user's passkeys, and judges what the browser hands over."""

    input_class: ClassVar[Any] = {"POST": inputs.CredentialInput}
    param: ClassVar[str] = "credential"

    def keep_store(self) -> None:
        """See to it that the store is kept beyond this request."""

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Put a question to the user's passkeys."""
        try:
            options = passkeys.ask(request, self.get_user(), self.get_store())
        except Refused as refusal:
            return responses.refused(request, refusal, self.param, status=409)
        self.keep_store()
        return responses.request_options(request, options)

    def judge(self) -> Device:
        """Return the passkey that has answered. What is none of a passkey's answers costs nothing, and is no code either."""
        if not passkeys.recognizes(self.input.answer):
            raise PasskeyRefused
        return super().judge()

    def refuse(self, refusal: Refused) -> HttpResponse:
        """Return the response to an answer that is refused. The question is used up."""
        self.keep_store()
        return super().refuse(refusal)
