"""Our stage in allauth's login."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from django.contrib.auth import SESSION_KEY
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse

from allauth_2fa.browsers import trust
from allauth_2fa.devices import sending
from allauth_2fa.login import challenge, first_device, passwordless, pending
from allauth_2fa.sessions import verified

from . import compat, routes
from .adapter import end_login
from .state.pending import ENROLLMENT_KEY, PendingLogin, ProvedBy, clear_pending
from .state.request import CHALLENGE_PAGE, ENROLLMENT_PAGE, request_state

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

SINGLE_PAGE_APP = "browser"
"""What allauth's headless API calls its clients that keep cookies. The others have no browser to trust."""


class _Stage(compat.LoginStage):
    """What both of our stages do."""

    resumes_stages = True

    def exit(self) -> HttpResponse:
        """Let the login go on, through the stages that the guard had put off first."""
        compat.resume_stages(self.login)
        return super().exit()

    def abort(self) -> HttpResponse:
        """End the login, and lead to the login page."""
        pending.discard(self.request)
        clear_pending(self.request)
        return super().abort()


class TwoFactorStage(_Stage):
    """Waits for the second factor, after allauth's own verification stages.

    It stands instead of ``allauth.mfa``'s stage of the same key, and hands over to it those users whose only
    factors are of ``allauth.mfa``.
    """

    key = compat.STAGE_KEY
    urlname = CHALLENGE_PAGE

    def __init__(self, controller: compat.LoginStageController, request: HttpRequest, login: compat.Login) -> None:
        super().__init__(controller, request, login)
        request_state(request).login = login
        if PendingLogin(self.state).proved_by is ProvedBy.MFA:
            self.urlname = compat.MFA_PAGE

    def exit(self) -> HttpResponse:
        """Let the login go on.

        Raises:
            ImproperlyConfigured: the project's adapter leads back to the challenge, where it would go round for ever.
        """
        response = super().exit()
        leads_to = urlsplit(response.headers.get("Location", "")).path
        is_over = SESSION_KEY not in self.request.session and compat.pending_stage_key(self.request) is None
        if leads_to and is_over and routes.are_served() and leads_to == reverse(CHALLENGE_PAGE):
            message = (
                f"{type(get_adapter()).__qualname__} leads a login back to the challenge that has just been answered. "
                "Take what redirects there out of its login() and post_login(): a stage of the login asks for the second factor."
            )
            raise ImproperlyConfigured(message)
        return response

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return what the login leads to (None: go on), and whether it lives on."""
        user, state = self.login.user, PendingLogin(self.state)
        request_state(self.request).asked = True
        if user is None or not user.is_active:
            return compat.headed_redirect_response("account_login"), False
        if state.proved_by is ProvedBy.PASSKEY:
            # A passkey that has checked who is there has proved both factors.
            return (None, True) if passwordless.holds(self.request, user, state) else (end_login(self.request), False)
        if verified.needs_challenge(user):
            if trust.pass_login(self.request, user, state):
                return None, True
            pending.begin(self.request, self.login, state)
            pending.renew_key(self.request)
            sending.send_first(self.request, user, state)
            return self._to_challenge(), True
        # The guard may have begun this login because of an authenticator of allauth.mfa's.
        state.ask_nothing()
        return self._hand_over(user, state) if compat.mfa_installed() else (None, True)

    def _to_challenge(self) -> HttpResponse:
        try:
            return HttpResponseRedirect(get_adapter().get_2fa_authenticate_url(self.request))
        except NoReverseMatch:
            # That is an error, unless the site has no pages.
            return compat.headed_redirect_response(CHALLENGE_PAGE)

    def _hand_over(self, user: AbstractBaseUser, state: PendingLogin) -> tuple[HttpResponse | None, bool]:
        response, lives_on = compat.mfa_stage(self).handle()
        # A user who passes has a browser that allauth.mfa trusts, or no authenticator of allauth.mfa: only the first one was judged by it.
        if response is not None or compat.mfa_enabled_for(user):
            state.leave_to_mfa()
        if response is not None:
            pending.renew_key(self.request)
        return response, lives_on


class TrustStage(_Stage):
    """Asks a single-page app, after the answer, whether the browser is to be trusted. Pages have a box for that at the challenge.

    It stands instead of ``allauth.mfa``'s stage of the same key, and hands over to it those users who have not answered to us.
    """

    key = compat.TRUST_KEY

    def __init__(self, controller: compat.LoginStageController, request: HttpRequest, login: compat.Login) -> None:
        super().__init__(controller, request, login)
        if PendingLogin(self.state).proved_by is ProvedBy.MFA:
            self.urlname = compat.TRUST_KEY

    def challenged(self) -> PendingLogin:
        """Return what our first stage knows of the login."""
        return PendingLogin(self.login.state["stages"].get(compat.STAGE_KEY, {}).get("data"))

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return what the login leads to (None: go on), and whether it lives on."""
        challenged, user = self.challenged(), self.login.user
        if user is not None and challenged.proved_by is ProvedBy.DEVICE:
            return self._offer(challenged, user), True
        if not compat.mfa_installed():
            return None, True
        PendingLogin(self.state).leave_to_mfa()
        response, lives_on = compat.mfa_stage(self).handle()
        return response, lives_on

    def _offer(self, challenged: PendingLogin, user: AbstractBaseUser) -> HttpResponse | None:
        if challenged.wants_trust or compat.is_headless_request(self.request) != SINGLE_PAGE_APP or not trust.may_trust(user):
            return None
        device = challenge.proving_device(self.request, challenged, user)
        # allauth's own response takes its place.
        return HttpResponse() if device is not None and trust.is_strong(device) else None


class EnrollmentStage(_Stage):
    """Waits until the user has what the site requires. It comes after the challenge for a factor that the user has already."""

    key = ENROLLMENT_KEY
    urlname = ENROLLMENT_PAGE

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Return what the login leads to (None: go on), and whether it lives on."""
        user = self.login.user
        if user is None or not user.is_active:
            return compat.headed_redirect_response("account_login"), False
        if not first_device.is_wanted(self, user):
            PendingLogin(self.state).ask_nothing()
            return None, True
        pending.begin(self.request, self.login, PendingLogin(self.state))
        pending.renew_key(self.request)
        return compat.headed_redirect_response(ENROLLMENT_PAGE), True
