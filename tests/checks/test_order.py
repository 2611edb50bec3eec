"""A middleware that takes the user before the guard has decided is named, and no other one is."""

from __future__ import annotations

import functools

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core.checks import run_checks
from django.utils.deprecation import MiddlewareMixin

from allauth_2fa.checks.middleware_order import check_order

pytestmark = pytest.mark.django_db

GUARD = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
DJANGO = "django.contrib.auth.middleware.AuthenticationMiddleware"
OTP = "django_otp.middleware.OTPMiddleware"
HERE = "tests.checks.test_order"


class Keeps(MiddlewareMixin):
    """Keeps the user for others."""

    def process_request(self, request):
        """Keep the user."""
        request.account = request.user


class Derived(Keeps):
    """Keeps the user by what it derives from."""


class KeepsByName:
    """Keeps the user under a name."""

    def __init__(self, get_response):
        """Take what serves."""

    def __call__(self, request):
        """Keep the user."""
        return self.keep(request)

    @staticmethod
    def keep(request):
        """Keep the user."""
        return getattr(request, "user", None)


def keeps(get_response):
    """Keep the user in a function."""

    async def serve(request):
        request.account = await request.auser()
        return await get_response(request)

    return serve


@functools.wraps(keeps)
def decorated(get_response):
    """Do the same under a decorator."""
    return keeps(get_response)


class Later(MiddlewareMixin):
    """Asks for the user when the guard has had its turn."""

    name = "later"

    def process_view(self, request, *_view):
        """Look at the user."""
        request.account = request.user


def harmless(get_response):
    """Ask for nobody."""
    return get_response


class Callable:
    """A middleware that is an object."""

    def __call__(self, get_response):
        """Ask for nobody."""
        return get_response


an_object = Callable()


def set_order(settings, *paths):
    settings.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", *paths]


@pytest.mark.parametrize("name", ["Keeps", "Derived", "KeepsByName", "keeps", "decorated"])
@pytest.mark.parametrize("before", [[DJANGO, OTP], [DJANGO]], ids=["after django-otp's", "before it"])
def test_a_middleware_that_takes_the_user_before_the_guard_is_named(settings, name, before):
    set_order(settings, *before, f"{HERE}.{name}", *{OTP} - set(before), GUARD)
    (found,) = (message for message in run_checks() if message.id == "allauth_2fa.W023")
    assert f"{HERE}.{name}" in found.msg
    assert GUARD in found.hint


@pytest.mark.parametrize("name", ["Later", "harmless", "an_object"])
def test_one_that_takes_no_user_or_takes_it_later_is_not(settings, name):
    set_order(settings, DJANGO, OTP, f"{HERE}.{name}", "allauth.account.middleware.AccountMiddleware", GUARD)
    assert check_order() == []


def test_one_that_stands_after_the_guard_or_before_djangos_is_not(settings):
    set_order(settings, f"{HERE}.Keeps", DJANGO, OTP, GUARD, f"{HERE}.Keeps")
    assert check_order() == []


@pytest.mark.parametrize("paths", [[DJANGO, f"{HERE}.Keeps"], [f"{HERE}.Keeps", GUARD]])
def test_where_the_guard_or_djangos_is_missing_other_checks_speak(settings, paths):
    set_order(settings, *paths)
    assert check_order() == []


class OwnAuthentication(AuthenticationMiddleware):
    """Sets the user as Django's does."""


def test_a_middleware_derived_from_djangos_counts_as_it(settings):
    set_order(settings, f"{HERE}.OwnAuthentication", f"{HERE}.Keeps", OTP, GUARD)
    assert len(check_order()) == 1
