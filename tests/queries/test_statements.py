"""Statements that are built once: they find what the ORM finds, and keep nothing of whom they were run for."""

from __future__ import annotations

import pytest
from django.db.models import BooleanField, Value
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import statements
from allauth_2fa.answers import verify
from allauth_2fa.budget import stored
from allauth_2fa.factors import lookup, registry
from allauth_2fa.factors.totp import TotpFactor
from allauth_2fa.models import Browser, DeviceOptions
from allauth_2fa.state.request import request_state
from allauth_2fa.statements import Fact, Given, Statement
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db


class Borrowed(TotpFactor):
    """An app of the project's own, that answers for whoever borrows it."""

    id = "borrowed"

    def devices(self, user):
        return TOTPDevice.objects.filter(user__username="alice", confirmed=True)


@pytest.fixture
def built(monkeypatch):
    """Begin with no statement, and list those that are built."""
    statements._built.clear()
    return statements._built


def test_one_statement_finds_the_devices_of_each_user(alice, bob, phone, built):
    DeviceOptions.write(phone, preferred=True)
    bobs = TOTPDevice.objects.create(user=bob, name="Bob's", confirmed=True)
    Browser.all_rows.create(user=bob, in_a_row=3)
    for _ in range(2):
        assert lookup.primary_devices(alice) == [phone]
        assert [device.is_preferred for device in lookup.primary_devices(alice)] == [True]
        (found,) = lookup.primary_devices(bob, **stored.annotation(bob, None))
        assert (found, found.is_preferred, found.name, found.key) == (bobs, False, "Bob's", bobs.key)
        assert stored.budget_of(bob, None, [found]).in_a_row == 3
        assert not found._state.adding
    assert len(built) == 2  # with the budget, and without


def test_what_is_kept_says_nothing_of_a_login(client, alice, phone, built):
    give_password(client, alice)
    give_answer(client, code_of(phone))
    browser = Browser.objects.get(user=alice)
    give_password(Client(), alice)
    assert built
    for kept in built.values():
        given = [part for part in kept.params if not isinstance(part, statements.Param)]
        assert browser.digest not in kept.sql
        assert {phone.key, browser.digest, "alice"}.isdisjoint(map(str, given))


def test_what_is_given_is_not_in_an_error_report(rf):
    assert "123456" not in repr({"token": Given(Browser, "digest", "123456")})
    state = request_state(rf.get("/"))
    state.browser_cookie = "123456"
    assert "123456" not in repr(state)


def test_a_list_fills_all_places(alice, phone):
    Browser.objects.create(user=alice, digest="a")
    Browser.objects.create(user=alice, digest="b")
    statement = Statement(Browser, lambda digests: Browser.all_rows.filter(digest__in=digests).order_by("digest").values_list("digest"))
    for given in (["a"], ["a", "b"], ["b", "c", "a"]):
        found = [digest for (digest,) in statement.rows(digests=Given(Browser, "digest", given, slots=3))]
        assert found == sorted({"a", "b"}.intersection(given))


def test_a_factor_that_finds_devices_in_its_own_way_is_asked_each_time(alice, bob, phone, settings, built):
    settings.ALLAUTH_2FA_FACTORS = [f"{__name__}.Borrowed", "recovery_codes"]
    for _ in range(2):
        (found,) = lookup.primary_devices(bob, is_there=Fact(lambda: Value(value=True, output_field=BooleanField())))
        assert (found, found.is_there) == (phone, True)
    assert not built


def test_rows_of_a_manager_that_finds_others_each_time_are_looked_up_each_time(alice, built):
    Browser.all_rows.create(user=alice)
    known = Browser.objects.create(user=alice, digest="x")
    assert not statements.is_plain(Browser)
    assert statements.is_plain(TOTPDevice)
    statement = Statement(Browser, lambda user: Browser.objects.filter(user_id=user), is_lasting=False)
    assert statement.rows(user=lookup.owner(alice.pk)) == [known]
    assert not built


def test_an_update_says_how_many_rows_were_like_that(alice, bob):
    for user in (alice, bob):
        browser = Browser.objects.create(user=user, digest="x")
        assert statements.update(Browser, {"user": user.pk, "version": 0}, {"version": 1, "address": None}) == 1
        assert statements.update(Browser, {"user": user.pk, "version": 0}, {"version": 2, "address": "::1"}) == 0
        browser.refresh_from_db()
        assert (browser.version, browser.address) == (1, None)


def test_a_changed_setting_has_all_built_again(alice, phone, settings, built):
    assert lookup.has_primary(alice)
    assert built
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert not built
    assert lookup.has_primary(alice)


# The device of a session


@pytest.mark.parametrize("number", ["", "x", "0", "9" * 18, "9" * 19, "9" * 40, "-1"])
@pytest.mark.parametrize("label", ["otp_totp.totpdevice", "nonsense", "no.model"])
def test_a_session_with_the_device_of_nobody_is_verified_by_none(client, alice, phone, label, number):
    login_verified(client, alice, phone)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = f"{label}/{number}"
    session.save()
    assert "alice" not in client.get("/").text


def test_a_session_with_the_device_of_somebody_else_is_verified_by_none(client, alice, bob, phone):
    bobs = TOTPDevice.objects.create(user=bob, confirmed=True)
    login_verified(client, alice, phone)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = bobs.persistent_id
    session.save()
    assert "alice" not in client.get("/").text


class AsksFirst:
    """A middleware of the project's own, between django-otp's and ours, that asks who it is."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        assert request.user.is_authenticated
        return self.get_response(request)


def test_a_middleware_that_asks_for_the_user_first_has_the_device_found_once(client, alice, phone, settings, django_assert_num_queries):
    login_verified(client, alice, phone)
    place = settings.MIDDLEWARE.index("django_otp.middleware.OTPMiddleware") + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], f"{__name__}.AsksFirst", *settings.MIDDLEWARE[place:]]
    with django_assert_num_queries(3):
        assert "alice" in client.get("/").text
    assert is_logged_in(client)


def test_recovery_codes_are_counted_where_the_devices_were_read_before_there_was_an_answer(alice, phone):
    codes = registry.recovery.renew(alice, 3)
    assert verify.answer(alice, codes[0], devices=verify.offers(alice)).recovery_left == 2
    assert verify.answer(alice, codes[1]).recovery_left == 1
