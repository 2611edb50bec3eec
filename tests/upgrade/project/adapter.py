"""The shop's account adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth_2fa.adapter import OTPAdapter

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpRequest

OFFICE = "@office.example.com"


class ShopAdapter(OTPAdapter):
    """Spares the office the second factor, and counts where logins come from."""

    def has_2fa_enabled(self, user: User) -> bool:
        return super().has_2fa_enabled(user) and not user.email.endswith(OFFICE)

    def get_2fa_authenticate_url(self, request: HttpRequest) -> str:
        url = super().get_2fa_authenticate_url(request)
        return f"{url}{'&' if '?' in url else '?'}from=shop"


class StrictAdapter(OTPAdapter):
    """Asks everybody, whether they have a device or not."""

    def has_2fa_enabled(self, _user: User) -> bool:
        return True


class StashingAdapter(OTPAdapter):
    """Overrides the two hooks of 0.x that have lost their meaning."""

    def stash_pending_login(self, request: HttpRequest, user: User, login_kwargs: dict[str, object]) -> None:
        raise NotImplementedError

    def unstash_pending_login_kwargs(self, request: HttpRequest) -> dict[str, object]:
        raise NotImplementedError
