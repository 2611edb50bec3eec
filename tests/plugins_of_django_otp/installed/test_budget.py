"""The failure budget over devices of every kind."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget import charging, stored
from allauth_2fa.budget.budget import Budget
from allauth_2fa.devices import enrollment, sending
from allauth_2fa.devices.enrollment import FirstCode
from allauth_2fa.exceptions import CounterOff, Refused
from allauth_2fa.factors import registry
from allauth_2fa.factors.generic import GenericFactor, complete_alone
from allauth_2fa.models import Browser
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_answer, give_password, is_logged_in, wrong_code_of
from tests.pager.models import Pager

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_throttling(settings, monkeypatch):
    settings.OTP_TOTP_THROTTLE_FACTOR = settings.OTP_HOTP_THROTTLE_FACTOR = 0
    monkeypatch.setattr(Pager, "get_throttle_factor", lambda self: 0)
    Pager.sent.clear()


@pytest.fixture
def token(alice):
    return HOTPDevice.objects.create(user=alice, name="Token", key="3132333435363738393031323334353637383930")


@pytest.fixture
def pager(alice):
    return Pager.objects.create(user=alice, name="Red pager")


def shown_at(token, counter):
    return str(oath.hotp(token.bin_key, counter, token.digits)).zfill(token.digits)


def row_at(token, counter):
    return " ".join(shown_at(token, counter + step) for step in range(3))


def say(client, answer, **fields):
    response = give_answer(client, answer, **fields)
    if is_logged_in(client):
        return "in"
    return next(error.code for errors in response.context["form"].errors.as_data().values() for error in errors)


def budget_of(user, **row):
    return Budget.of(user.pk, Browser.all_rows.filter(user=user, **row).values(*stored.COLUMNS).first())


def lock(user):
    stored.write(budget_of(user, digest=""), lambda found: found.failed(33))
    assert charging.locked(user)


def test_devices_of_all_kinds_share_one_budget(client, alice, phone, token, pager):
    give_password(client, alice)
    sending.send(None, alice, pager.persistent_id, ChallengeStore({}))
    outcomes = [
        say(client, wrong_code_of(phone), device=phone.persistent_id),
        say(client, "000000", device=token.persistent_id),
        say(client, "000000", device=pager.persistent_id),
        say(client, wrong_code_of(phone), device=phone.persistent_id),
        say(client, "000000", device=token.persistent_id),
        say(client, "000000", device=token.persistent_id),
        say(client, wrong_code_of(phone), device=phone.persistent_id),
    ]
    # A code of the pager that this login was not sent is not judged, and takes nothing.
    assert outcomes == ["refused", "refused", "expired", "refused", "refused", "refused", "throttled"]


def test_a_token_that_looks_ahead_counts_by_its_chance(client, alice, token):
    give_password(client, alice)
    assert say(client, "000000") == "refused"
    assert [failure.weight for failure in budget_of(alice, digest="").failures] == [2]


def test_wrong_codes_that_were_sent_are_counted_and_right_ones_given_back(client, alice, pager):
    give_password(client, alice)
    assert say(client, "x" if Pager.sent[-1] == "000000" else "000000") == "refused"
    assert say(client, Pager.sent[-1]) == "in"
    assert len(budget_of(alice, digest="").failures) == 1
    assert Browser.objects.filter(user=alice).count() == 1


def test_a_known_browser_is_known_by_a_device_of_another_kind(client, alice, pager, monkeypatch):
    monkeypatch.setattr(Pager, "generate_is_allowed", lambda self: (True, None))
    give_password(client, alice)
    assert say(client, Pager.sent[-1]) == "in"
    del client.cookies["sessionid"]
    give_password(client, alice)
    say(client, "0000000")
    row = Browser.objects.get()
    assert row.in_a_row == 1
    assert say(client, Pager.sent[-1]) == "in"
    row.refresh_from_db()
    assert (row.in_a_row, len(row.failures.split())) == (0, 1)
    assert not budget_of(alice, digest="").failures


def test_a_device_that_cannot_tell_charges_the_budget_all_the_same(client, alice, pager, monkeypatch):
    """It may have looked, and raise for each wrong code."""

    def fail(_device, _answer):
        raise OSError

    monkeypatch.setattr(Pager, "verify_token", fail)
    give_password(client, alice)
    assert [say(client, "000000") for _ in range(6)] == ["unjudged"] * 5 + ["throttled"]


def test_a_secret_that_cannot_be_read_takes_nothing(client, alice):
    """Nobody has looked at the answer, and its owner is not to be locked out of the rest as well."""
    device = HOTPDevice.objects.create(user=alice, key="no hexadecimal digits")
    give_password(client, alice)
    assert [say(client, "000000", device=device.persistent_id) for _ in range(6)] == ["unjudged"] * 6
    assert not budget_of(alice, digest="").failures


# Three codes in a row of a token


@pytest.mark.parametrize("counter", [0, 40, 97])
def test_three_codes_in_a_row_of_a_token_open_a_lock(client, alice, token, counter):
    lock(alice)
    give_password(client, alice)
    assert say(client, shown_at(token, 0)) == "locked"
    assert say(client, row_at(token, counter)) == "in"
    assert not charging.locked(alice)
    token.refresh_from_db()
    assert token.counter == counter + 3
    other = Client()
    give_password(other, alice)
    assert say(other, row_at(token, counter)) == "refused"


def test_two_codes_in_a_row_open_no_lock(client, alice, token):
    lock(alice)
    give_password(client, alice)
    assert say(client, shown_at(token, 0) + shown_at(token, 1)) == "locked"


def test_codes_that_do_not_follow_one_another_open_no_lock_and_make_no_token_wait(client, alice, token, settings):
    settings.OTP_HOTP_THROTTLE_FACTOR = 1
    lock(alice)
    give_password(client, alice)
    assert say(client, shown_at(token, 0) + shown_at(token, 1) + shown_at(token, 3)) == "refused"
    token.refresh_from_db()
    assert (token.counter, token.throttling_failure_count) == (0, 0)
    with pytest.raises(CounterOff):
        registry.factor_in_use(token).judge(token, "000000" * 3)


def test_three_codes_in_a_row_are_taken_while_the_token_waits(client, alice, token, settings):
    settings.OTP_HOTP_THROTTLE_FACTOR = 1
    HOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp="2026-01-01T00:00:00Z")
    give_password(client, alice)
    assert say(client, shown_at(token, 0) + shown_at(token, 1)) == "throttled"
    assert say(client, row_at(token, 0)) == "in"


# Devices that are being added


class PagerFactor(GenericFactor):
    """Pagers that users add themselves."""

    def __init__(self):
        super().__init__(Pager)

    def complete(self, device, answer):
        complete_alone(device, answer)


@pytest.fixture
def _addable(settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", f"{__name__}.PagerFactor"]


def completing(device, code, store):
    """Enter the first code of a device that waits."""
    return enrollment.complete(Pager.objects.get(pk=device.pk), FirstCode(code, store), only_as_first=True)


@pytest.mark.usefixtures("_addable")
def test_guessing_at_a_device_that_is_being_added_charges_the_budget(alice, bob):
    """The number that was typed may be somebody else's."""
    device = Pager.objects.create(user=bob, confirmed=False)
    store = ChallengeStore({})
    sending.send_waiting(device, store)
    wrong = "111111" if Pager.sent[-1] == "000000" else "000000"
    codes = []
    for _ in range(6):
        with pytest.raises(Refused) as refusal:
            completing(device, wrong, store)
        codes.append(refusal.value.code)
    assert codes == ["refused"] * 5 + ["throttled"]
    with pytest.raises(Refused):
        completing(device, Pager.sent[-1], store)
    Browser.all_rows.update(failures="")
    completing(device, Pager.sent[-1], store)
    assert Pager.objects.get().confirmed
    assert not budget_of(bob, digest="").failures


@pytest.mark.usefixtures("_addable")
def test_what_is_not_judged_of_it_takes_nothing(alice, bob):
    device = Pager.objects.create(user=bob, confirmed=False)
    with pytest.raises(Refused):
        completing(device, "000000", ChallengeStore({}))
    assert not budget_of(bob, digest="").failures


def test_a_wrong_code_at_the_setup_of_an_app_takes_nothing(client, bob):
    """Its secret is on the page: there is nothing to guess."""
    give_password(client, bob)
    client.get(reverse("two-factor-setup"))
    client.post(reverse("two-factor-setup"), {"otp_token": wrong_code_of(TOTPDevice.objects.get(user=bob))})
    assert not Browser.all_rows.exists()
