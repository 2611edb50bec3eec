"""django-otp's static tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.exceptions import NothingEnrolled, RecoveryCodeRefused, RecoveryCodeUsed, Refused, Throttled
from allauth_2fa.factors.registry import static
from allauth_2fa.factors.static import DEVICE_NAME, spellings

from .conftest import NOON, before_each

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_time_stands_still(clock):
    """No test here depends on when it runs."""


@pytest.fixture
def device(alice):
    """The device that 0.x made for Alice, with a token as 0.x made them."""
    device = StaticDevice.objects.create(user=alice, name=DEVICE_NAME)
    device.token_set.create(token="abcd2345")
    return device


def copy_of(device):
    """Return what another request has read of the device."""
    return StaticDevice.objects.get(pk=device.pk)


def change(device, **columns):
    """Write to the device's row, as another process does, and leave this process's copy alone."""
    StaticDevice.objects.filter(pk=device.pk).update(**columns)


def refusal_of(device, answer):
    """Return how the answer fails."""
    with pytest.raises(Refused) as caught:
        static.judge(device, answer)
    return caught.value


def is_held(user, answer):
    """Return whether one of the user's tokens reads like the answer, asked as the challenge asks it."""
    TOTPDevice.objects.get_or_create(user=user, name="app")
    return TOTPDevice.objects.filter(user=user).annotate(held=static.holds(user, answer).expression).get().held


# How tokens are read


@pytest.mark.parametrize("typed", ["abcd2345", "ABCD2345", " abcd2345\n", "abcd-2345", "Abcd 2345", "\uff41bcd\uff12345"])
def test_a_token_of_0x_is_read_however_it_is_typed(alice, device, typed):
    assert is_held(alice, typed)
    static.judge(device, typed)
    assert not device.token_set.exists()


@pytest.mark.parametrize("token", ["Mixed-Case Token", "ALLBIG", "12-34", "\u00e9t\u00e9", "123456", "\U0001f511"])
def test_a_token_is_free_text(alice, device, token):
    device.token_set.create(token=token)
    assert is_held(alice, token)
    static.judge(device, token)
    assert device.token_set.count() == 1


@pytest.mark.parametrize("typed", ["", "  ", "--", "\x00", "abcd2345\x00", "abcd234", "abcd23456", "x" * 17, "x" * 5_000])
def test_what_no_token_reads_like_is_refused(alice, device, typed):
    assert not is_held(alice, typed)
    assert isinstance(refusal_of(device, typed), RecoveryCodeRefused)
    assert device.token_set.count() == 1
    assert copy_of(device).throttling_failure_count == 1


def test_equivalent_ciphertexts_fit_the_column():
    assert spellings("Ab-12") == {"Ab-12", "Ab12", "ab12"}
    assert spellings("x" * 17) == set()
    assert spellings("xxxx xxxx xxxx xxxx") == {"x" * 16}
    assert spellings("a\x00") == set()


# Which device is meant


def test_an_answer_goes_to_the_device_that_holds_it_else_to_the_first(alice, bob, device):
    second = StaticDevice.objects.create(user=alice, name="from the support")
    second.token_set.create(token="second")
    assert static.addressed(alice, "second") == second
    assert static.addressed(alice, "abcd2345") == device
    assert static.addressed(alice, "neither") == device
    assert static.addressed(alice, "\x00") == device
    assert static.addressed(bob, "abcd2345") is None


def test_unconfirmed_devices_are_nobodys(alice, device):
    change(device, confirmed=False)
    assert static.addressed(alice, "abcd2345") is None
    assert not is_held(alice, "abcd2345")
    assert list(static.unused(alice)) == []


def test_anothers_tokens_open_nothing(bob, device):
    theirs = StaticDevice.objects.create(user=bob, name=DEVICE_NAME)
    assert not is_held(bob, "abcd2345")
    assert isinstance(refusal_of(theirs, "abcd2345"), RecoveryCodeRefused)
    assert device.token_set.count() == 1


# Once


def test_a_token_counts_once(device):
    static.judge(device, "abcd2345")
    assert copy_of(device).last_used_at == NOON
    assert isinstance(refusal_of(copy_of(device), "abcd2345"), RecoveryCodeRefused)


def test_of_two_equal_tokens_each_counts(device):
    device.token_set.create(token="abcd2345")
    static.judge(device, "abcd2345")
    static.judge(copy_of(device), "abcd2345")
    assert not device.token_set.exists()


# Throttling


def test_wrong_tokens_throttle_the_device_longer_each_time(clock, device, phone):
    for failures, seconds in enumerate((1, 2, 4), start=1):
        assert isinstance(refusal_of(copy_of(device), "wrong"), RecoveryCodeRefused)
        assert copy_of(device).throttling_failure_count == failures
        refusal = refusal_of(copy_of(device), "abcd2345")
        assert isinstance(refusal, Throttled)
        assert refusal.until == datetime.now(UTC) + timedelta(seconds=seconds)
        clock.shift(seconds)
    static.judge(copy_of(device), "abcd2345")
    row = copy_of(device)
    assert (row.throttling_failure_count, row.throttling_failure_timestamp) == (0, None)
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0


def test_a_site_may_turn_the_throttling_off(settings, device):
    settings.OTP_STATIC_THROTTLE_FACTOR = 0
    for failures in (1, 2, 3):
        assert isinstance(refusal_of(copy_of(device), "wrong"), RecoveryCodeRefused)
        assert copy_of(device).throttling_failure_count == failures
    static.judge(copy_of(device), "abcd2345")
    assert copy_of(device).throttling_failure_count == 0


# Lost races: another process writes between what this one reads and what it writes


@pytest.fixture(params=[1, 0], ids=["throttled", "unthrottled"])
def throttle_factor(request, settings):
    """With django-otp's throttling, and without."""
    settings.OTP_STATIC_THROTTLE_FACTOR = request.param
    return request.param


def writing_first(act):
    """Let another process act once the token has been read, and before anything is written."""
    return before_each("UPDATE", StaticDevice._meta.db_table, act)


@pytest.mark.usefixtures("throttle_factor")
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE"])
def test_of_two_who_have_read_the_same_token_one_spends_it(device, verb):
    ours = copy_of(device)
    with before_each(verb, "otp_static", lambda: StaticToken.objects.all().delete()):
        assert isinstance(refusal_of(ours, "abcd2345"), RecoveryCodeUsed)


def test_a_failure_elsewhere_throttles_this_request_too(device):
    for answer in ("abcd2345", "wrong"):
        with writing_first(lambda: change(device, throttling_failure_count=1, throttling_failure_timestamp=NOON)):
            assert isinstance(refusal_of(device, answer), Throttled)
        assert copy_of(device).throttling_failure_count == 1
        assert device.token_set.count() == 1
        change(device, throttling_failure_count=0, throttling_failure_timestamp=None)
        device.refresh_from_db()


def test_a_success_elsewhere_does_not_hinder_another_token(device):
    device.token_set.create(token="efgh6789")
    change(device, throttling_failure_count=3, throttling_failure_timestamp=NOON - timedelta(days=1))
    ours, theirs = copy_of(device), copy_of(device)
    static.judge(theirs, "abcd2345")
    static.judge(ours, "efgh6789")
    assert not device.token_set.exists()


@pytest.mark.usefixtures("throttle_factor")
@pytest.mark.parametrize("answer", ["abcd2345", "wrong"])
def test_a_device_that_was_deleted_meanwhile_judges_nothing(device, answer):
    with writing_first(copy_of(device).delete):
        assert isinstance(refusal_of(device, answer), NothingEnrolled)


@pytest.mark.usefixtures("throttle_factor")
@pytest.mark.parametrize("answer", ["abcd2345", "wrong"])
def test_a_device_that_was_unconfirmed_meanwhile_judges_nothing(device, answer):
    with writing_first(lambda: change(device, confirmed=False)):
        assert isinstance(refusal_of(device, answer), NothingEnrolled)
    assert copy_of(device).throttling_failure_count == 0
    assert device.token_set.count() == 1


def test_a_user_who_always_comes_too_late_is_refused_in_the_end(device):
    with writing_first(lambda: change(device, throttling_failure_count=F("throttling_failure_count") + 1)):
        refusal = refusal_of(device, "abcd2345")
    assert isinstance(refusal, Throttled)
    assert refusal.until is None
    assert device.token_set.count() == 1


# Renewal


def test_renewal_invalidates_the_old_tokens_and_makes_readable_ones(alice, device):
    StaticDevice.objects.create(user=alice, name="from the support").token_set.create(token="second")
    made = static.renew(alice, 4)
    assert [token.token for token in static.unused(alice)] == [token.token for token in made]
    assert len({token.token for token in made}) == 4
    assert {token.device for token in made} == {device}
    assert static.addressed(alice, "second") == device
    static.judge(copy_of(device), made[0].token.upper())


def test_renewal_makes_the_device_if_there_is_none(alice, bob, device):
    made = static.renew(bob, 1)
    assert made[0].device.name == DEVICE_NAME
    assert made[0].device.user == bob
    assert device.token_set.count() == 1


def test_renewal_brings_a_device_back_that_was_set_aside(alice, device):
    change(device, confirmed=False)
    static.renew(alice, 2)
    assert static.unused(alice).count() == 2


def test_void_tokens_leave_the_device_and_other_people_alone(alice, bob, device):
    static.renew(bob, 1)
    static.invalidate(alice)
    assert not device.token_set.exists()
    assert copy_of(device).confirmed
    assert static.unused(bob).count() == 1
