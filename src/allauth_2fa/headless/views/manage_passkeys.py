"""The user's passkeys and security keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from allauth_2fa.devices import manage, passkeys
from allauth_2fa.exceptions import NoRoom, NotAllowed, Refused
from allauth_2fa.headless import authenticators, inputs, responses
from allauth_2fa.headless import compat as api

from .account import AccountView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

UNKNOWN = _("You have no such passkey.")


class ManageWebAuthnView(AccountView):
    """Adds passkeys, names them, and removes them."""

    input_class: ClassVar[Any] = {
        "POST": inputs.AddPasskeyInput,
        "PUT": inputs.RenamePasskeyInput,
        "DELETE": inputs.RemovePasskeysInput,
    }
    mfa_view, mfa_type = "ManageWebAuthnView", "webauthn"

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Serve the sites that have passkeys."""
        if passkeys.factor() is None and not api.mfa_supports(self.mfa_type):
            return api.APIResponse(request, status=404)
        return super().handle(request, *args, **kwargs)

    def is_left_to_mfa(self) -> bool:
        """Return whether ``allauth.mfa`` alone has passkeys, or whether the user has only its authenticators."""
        return passkeys.factor() is None or super().is_left_to_mfa()

    def get(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return what the browser is to make; with ``passwordless`` in the query, a passkey that signs in without a password."""
        try:
            self.ensure_may_add(passkeys.factor_in_use())
        except Refused as refusal:
            return responses.conflict(request, refusal)
        options = passkeys.ask_for_new(request, self.owner, passwordless="passwordless" in request.GET)
        return api.APIResponse(request, data={"creation_options": {"publicKey": options}})

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Store what the browser has made. The recovery codes are made by the endpoint for them."""
        given = self.input.cleaned_data
        try:
            self.ensure_may_add(passkeys.factor_in_use())
            enrolled = passkeys.add(request, self.owner, given["credential"], given["name"])
        except (NoRoom, NotAllowed) as refusal:
            return responses.conflict(request, refusal)
        except Refused as refusal:
            return responses.refused(request, refusal, "credential")
        self.verify_session(enrolled)
        device = authenticators.passkeys_of(self.owner)[str(authenticators.number_of(enrolled.device))]
        return api.APIResponse(request, data=authenticators.described(device), meta={"recovery_codes_generated": False})

    def put(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Give one of the passkeys another name."""
        given = self.input.cleaned_data
        device = authenticators.passkeys_of(self.owner).get(given["id"])
        if device is None:
            return self._not_ours("id", *args, **kwargs)
        manage.rename(device, given["name"])
        return api.APIResponse(request, data=authenticators.described(device))

    def delete(self, _request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Remove passkeys, all or none of them."""
        given, mine = self.input.cleaned_data["authenticators"], authenticators.passkeys_of(self.owner)
        if not mine.keys() >= set(given):
            return self._not_ours("authenticators", *args, **kwargs)
        return self.remove([mine[number] for number in given])

    def _not_ours(self, param: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the answer to ids that are none of ours: passkeys of ``allauth.mfa``, or nobody's."""
        if self.has_mfa and api.mfa_supports(self.mfa_type):
            return self.leave_to_mfa(self.mfa_view, self.request, *args, **kwargs)
        self.input.add_error(param, ValidationError(UNKNOWN, code="invalid_choice"))
        return self.handle_invalid_input(self.input)
