"""Codes of an authenticator app."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.exceptions import AlreadyUsed, ClockWrong, LateCode, NothingEnrolled, Refused, Throttled
from allauth_2fa.factors.registry import totp
from allauth_2fa.factors.totp import CLOCK_SECONDS, LATE_SECONDS
from tests.cast import code_of, wrong_code_of

from .conftest import NOON, before_each

pytestmark = pytest.mark.django_db

RFC_SECRET = b"12345678901234567890".hex()

RFC_6238 = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
"""RFC 6238, appendix B, SHA-1: Unix time and code."""

RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
"""RFC 4226, appendix D: the codes of the first steps."""


@pytest.fixture(autouse=True)
def _the_time_stands_still(clock):
    """No test here depends on when it runs."""


def copy_of(device):
    """Return what another request has read of the device."""
    return TOTPDevice.objects.get(pk=device.pk)


def change(device, **columns):
    """Write to the device's row, as another process does, and leave this process's copy alone."""
    TOTPDevice.objects.filter(pk=device.pk).update(**columns)


def refusal_of(device, answer):
    """Return how the answer fails."""
    with pytest.raises(Refused) as caught:
        totp.judge(device, answer)
    return caught.value


# The standard


@pytest.mark.parametrize(("at", "code"), RFC_6238.items())
def test_the_codes_of_rfc_6238_are_accepted(clock, alice, at, code):
    clock.move_to(at)
    for digits in (8, 6):
        device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, digits=digits, tolerance=0)
        totp.judge(device, code[-digits:])
        device.refresh_from_db()
        assert device.last_t == at // 30
        assert device.last_used_at == datetime.fromtimestamp(at, UTC)


@pytest.mark.parametrize("period", [30, 60])
def test_the_period_is_the_devices(clock, alice, period):
    device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, step=period, tolerance=0, t0=int(NOON.timestamp()))
    for step, code in enumerate(RFC_4226):
        clock.move_to(NOON + timedelta(seconds=step * period))
        totp.judge(device, code)
        clock.move_to(NOON + timedelta(seconds=(step + 1) * period - 1))
        assert isinstance(refusal_of(device, code), AlreadyUsed)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "12345",
        "1234567",
        "12345a",
        "abcdef",
        "+12345",
        "-12345",
        "1_2345",
        " 12345",
        "12345\n",
        "12.345",
        "0x1234",
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "\u00b9\u00b2\u00b3\u00b9\u00b2\u00b3",
        "1" * 5_000,
        "\x00" * 6,
    ],
)
def test_what_is_not_six_digits_is_no_code(phone, answer):
    assert not totp.recognizes(phone, answer)
    assert not totp.accepts(phone, answer)
    assert type(refusal_of(phone, answer)) is Refused


def test_zeros_in_front_count(clock, alice):
    clock.move_to(1111111109)
    device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, digits=8)
    refusal_of(device, "7081804")
    clock.shift(2)
    totp.judge(device, "07081804")


# How far off a code may be


@pytest.mark.parametrize("tolerance", [0, 1, 3])
def test_codes_count_within_the_tolerance(alice, tolerance):
    for offset in range(-tolerance, tolerance + 1):
        device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, tolerance=tolerance)
        assert totp.accepts(device, code_of(device, offset))
        totp.judge(device, code_of(device, offset))
    for offset in (-tolerance - 1, tolerance + 1):
        device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, tolerance=tolerance)
        assert not totp.accepts(device, code_of(device, offset))
        refusal_of(device, code_of(device, offset))


def test_the_drift_is_followed(clock, phone):
    totp.judge(phone, code_of(phone, -1))
    assert copy_of(phone).drift == phone.drift == -1
    clock.shift(90)
    totp.judge(phone, code_of(phone, -2))
    assert copy_of(phone).drift == phone.drift == -2
    clock.shift(90)
    totp.judge(phone, code_of(phone, -1))
    assert copy_of(phone).drift == phone.drift == -1


def test_the_drift_is_not_followed_where_the_site_says_so(settings, clock, phone):
    settings.OTP_TOTP_SYNC = False
    totp.judge(phone, code_of(phone, -1))
    assert copy_of(phone).drift == phone.drift == 0
    clock.shift(90)
    assert isinstance(refusal_of(phone, code_of(phone, -2)), LateCode)


# Once


def test_a_code_counts_once_and_a_second_post_is_no_failure(phone):
    code = code_of(phone)
    totp.judge(phone, code)
    for device in (phone, copy_of(phone)):
        assert isinstance(refusal_of(device, code), AlreadyUsed)
    assert copy_of(phone).throttling_failure_count == 0
    assert copy_of(phone).throttling_failure_timestamp is None


def test_a_code_that_was_accepted_is_remembered_while_it_is_near(clock, phone):
    code = code_of(phone)
    totp.judge(phone, code)
    clock.shift(30)
    assert isinstance(refusal_of(phone, code), AlreadyUsed)
    assert copy_of(phone).throttling_failure_count == 0
    clock.shift(30)
    assert type(refusal_of(phone, code)) is Refused
    assert copy_of(phone).throttling_failure_count == 1


def test_the_last_step_only_grows(phone):
    totp.judge(phone, code_of(phone))
    last_t = copy_of(phone).last_t
    assert type(refusal_of(phone, code_of(phone, -1))) is Refused
    assert copy_of(phone).last_t == last_t
    change(phone, throttling_failure_count=0)
    phone.refresh_from_db()
    totp.judge(phone, code_of(phone, 1))
    assert copy_of(phone).last_t == last_t + 1


def test_a_code_of_the_first_step_ever_is_no_used_one(clock, alice):
    device = TOTPDevice.objects.create(user=alice, key=RFC_SECRET, t0=int(NOON.timestamp()))
    assert type(refusal_of(device, "000000")) is Refused
    clock.shift(10)
    totp.judge(device, RFC_4226[0])
    assert copy_of(device).last_t == 0
    assert isinstance(refusal_of(device, RFC_4226[0]), AlreadyUsed)


# Late codes


@pytest.mark.parametrize(("steps", "minutes"), [(2, 1), (4, 2), (20, 10), (30, 15)])
def test_a_code_that_was_right_minutes_ago_says_that_the_phone_is_slow(phone, steps, minutes):
    refusal = refusal_of(phone, code_of(phone, -steps))
    assert isinstance(refusal, LateCode)
    assert refusal.seconds == -steps * 30
    assert f"{minutes} minute" in refusal.message
    assert copy_of(phone).throttling_failure_count == 1


def test_the_past_is_looked_at_for_a_quarter_of_an_hour(phone):
    assert type(refusal_of(phone, code_of(phone, -LATE_SECONDS // 30 - 1))) is Refused


@pytest.mark.parametrize("steps", [2, 3, 10, 30])
def test_a_code_of_the_future_says_nothing(phone, steps):
    assert type(refusal_of(phone, code_of(phone, steps))) is Refused


def test_codes_before_the_last_accepted_one_say_nothing(clock, phone):
    totp.judge(phone, code_of(phone))
    clock.shift(300)
    assert type(refusal_of(phone, code_of(phone, -11))) is Refused
    clock.shift(2)
    assert isinstance(refusal_of(phone, code_of(phone, -9)), LateCode)


# Throttling


def test_wrong_codes_throttle_the_device_longer_each_time(clock, phone):
    for failures, seconds in enumerate((1, 2, 4, 8), start=1):
        assert type(refusal_of(phone, wrong_code_of(phone))) is Refused
        assert copy_of(phone).throttling_failure_count == failures
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        for answer in (code_of(phone), wrong_code_of(phone), "", "no code"):
            refusal = refusal_of(copy_of(phone), answer)
            assert isinstance(refusal, Throttled)
            assert refusal.until == until
        assert copy_of(phone).throttling_failure_count == failures
        clock.shift(seconds)
    totp.judge(phone, code_of(phone))
    row = copy_of(phone)
    assert (row.throttling_failure_count, row.throttling_failure_timestamp) == (0, None)


def test_a_throttled_device_says_nothing_of_used_codes(phone):
    totp.judge(phone, code_of(phone))
    refusal_of(phone, wrong_code_of(phone))
    assert isinstance(refusal_of(phone, code_of(phone)), Throttled)


def test_a_site_may_turn_the_throttling_off(settings, phone):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    for failures in (1, 2, 3):
        assert type(refusal_of(phone, wrong_code_of(phone))) is Refused
        assert copy_of(phone).throttling_failure_count == failures
    totp.judge(phone, code_of(phone))
    assert copy_of(phone).throttling_failure_count == 0
    assert isinstance(refusal_of(phone, code_of(phone)), AlreadyUsed)


# Lost races: another process writes between what this one reads and what it writes


@pytest.fixture(params=[1, 0], ids=["throttled", "unthrottled"])
def throttle_factor(request, settings):
    """With django-otp's throttling, and without."""
    settings.OTP_TOTP_THROTTLE_FACTOR = request.param
    return request.param


@pytest.mark.usefixtures("throttle_factor")
def test_of_two_who_have_read_the_same_row_one_uses_the_code(phone):
    ours, theirs = copy_of(phone), copy_of(phone)
    totp.judge(theirs, code_of(phone))
    assert isinstance(refusal_of(ours, code_of(phone)), AlreadyUsed)
    assert copy_of(phone).throttling_failure_count == 0


@pytest.mark.usefixtures("throttle_factor")
def test_a_newer_code_wins_over_an_older_one_that_was_faster(phone):
    ours, theirs = copy_of(phone), copy_of(phone)
    totp.judge(theirs, code_of(phone, -1))
    totp.judge(ours, code_of(phone))
    assert copy_of(phone).last_t == ours.last_t == theirs.last_t + 1


@pytest.mark.usefixtures("throttle_factor")
def test_an_older_code_that_was_slower_is_refused(phone):
    ours, theirs = copy_of(phone), copy_of(phone)
    totp.judge(theirs, code_of(phone))
    assert type(refusal_of(ours, code_of(phone, -1))) is Refused
    assert copy_of(phone).last_t == theirs.last_t


@pytest.mark.parametrize("code", [code_of, wrong_code_of])
def test_a_failure_elsewhere_throttles_this_request_too(phone, code):
    ours, theirs = copy_of(phone), copy_of(phone)
    refusal_of(theirs, wrong_code_of(phone))
    assert isinstance(refusal_of(ours, code(phone)), Throttled)
    assert copy_of(phone).throttling_failure_count == 1
    assert copy_of(phone).last_t == -1


@pytest.mark.usefixtures("throttle_factor")
@pytest.mark.parametrize("code", [code_of, wrong_code_of])
def test_a_device_that_was_deleted_meanwhile_judges_nothing(phone, code):
    ours = copy_of(phone)
    phone.delete()
    assert isinstance(refusal_of(ours, code(ours)), NothingEnrolled)


@pytest.mark.usefixtures("throttle_factor")
@pytest.mark.parametrize("code", [code_of, wrong_code_of])
def test_a_device_that_was_unconfirmed_meanwhile_judges_nothing(phone, code):
    ours = copy_of(phone)
    change(phone, confirmed=False)
    assert isinstance(refusal_of(ours, code(ours)), NothingEnrolled)
    row = copy_of(phone)
    assert (row.last_t, row.throttling_failure_count) == (-1, 0)


@pytest.mark.usefixtures("throttle_factor")
def test_a_code_that_is_used_between_our_reading_and_our_writing_is_used(phone):
    ours, theirs = copy_of(phone), copy_of(phone)
    with before_each("UPDATE", TOTPDevice._meta.db_table, lambda: theirs.last_t == -1 and totp.judge(theirs, code_of(phone))):
        assert isinstance(refusal_of(ours, code_of(phone)), AlreadyUsed)


@pytest.mark.parametrize("code", [code_of, wrong_code_of])
def test_a_user_who_always_comes_too_late_is_refused_in_the_end(phone, code):
    worsen = before_each(
        "UPDATE", TOTPDevice._meta.db_table, lambda: change(phone, throttling_failure_count=F("throttling_failure_count") + 1)
    )
    with worsen:
        refusal = refusal_of(phone, code(phone))
    assert isinstance(refusal, Throttled)
    assert refusal.until is None
    assert copy_of(phone).last_t == -1


# Three codes in a row


def row_of(device, first=-2):
    return "".join(code_of(device, first + step) for step in range(3))


def test_three_codes_in_a_row_use_up_all_of_their_steps(phone):
    totp.judge(copy_of(phone), row_of(phone))
    assert copy_of(phone).last_t == NOON.timestamp() // 30
    for offset in (-2, -1, 0):
        assert isinstance(refusal_of(copy_of(phone), code_of(phone, offset)), Refused)


def test_three_codes_in_a_row_are_judged_by_the_row_as_it_is_now(phone):
    stale = copy_of(phone)
    change(phone, throttling_failure_count=9)
    totp.judge(stale, row_of(phone))
    assert copy_of(phone).throttling_failure_count == 0
    assert isinstance(refusal_of(stale, row_of(phone)), Refused)


def test_with_three_codes_in_a_row_a_user_who_always_comes_too_late_is_refused_in_the_end(phone):
    worsen = before_each(
        "UPDATE", TOTPDevice._meta.db_table, lambda: change(phone, throttling_failure_count=F("throttling_failure_count") + 1)
    )
    with worsen:
        assert isinstance(refusal_of(phone, row_of(phone)), Throttled)
    assert copy_of(phone).last_t == -1


# Enrollment


def test_a_device_begins_unconfirmed_with_a_secret_of_its_own(alice):
    one, another = totp.begin(alice), totp.begin(alice)
    assert not one.confirmed
    assert len(one.bin_key) == 20
    assert one.key != another.key


def test_an_unconfirmed_device_gets_another_secret_on_request(alice):
    device = totp.begin(alice)
    old = device.key
    totp.replace_secret(device)
    assert device.key == copy_of(device).key != old


def test_the_secret_of_a_confirmed_device_stays(phone):
    ours = copy_of(phone)
    with pytest.raises(NothingEnrolled):
        totp.replace_secret(ours)
    assert copy_of(phone).key == ours.key == phone.key


def test_the_first_code_confirms_the_device_and_counts_as_used(alice):
    device = totp.begin(alice)
    totp.complete(device, code_of(device, -1))
    row = copy_of(device)
    assert row.confirmed
    assert device.confirmed
    assert row.drift == -1
    assert row.last_used_at == NOON
    assert isinstance(refusal_of(row, code_of(row, -1)), AlreadyUsed)


@pytest.mark.parametrize("seconds", [-CLOCK_SECONDS, -1200, -60, 60, 1200, CLOCK_SECONDS])
def test_a_clock_that_is_off_is_told_at_the_setup(alice, seconds):
    device = totp.begin(alice)
    with pytest.raises(ClockWrong) as caught:
        totp.complete(device, code_of(device, seconds // 30))
    assert caught.value.seconds == seconds
    assert f"about {abs(seconds) // 60} minute" in caught.value.message
    row = copy_of(device)
    assert (row.confirmed, row.last_t, row.throttling_failure_count) == (False, -1, 0)


@pytest.mark.parametrize("seconds", [-CLOCK_SECONDS - 30, CLOCK_SECONDS + 30])
def test_a_clock_that_is_further_off_is_not_guessed_at(alice, seconds):
    device = totp.begin(alice)
    with pytest.raises(Refused) as caught:
        totp.check(device, code_of(device, seconds // 30))
    assert type(caught.value) is Refused


@pytest.mark.parametrize("answer", ["", "12345", "abcdef", "\x00"])
def test_what_is_no_code_confirms_nothing(alice, answer):
    device = totp.begin(alice)
    with pytest.raises(Refused):
        totp.complete(device, answer)
    assert not copy_of(device).confirmed


def test_a_check_writes_nothing(alice):
    device = totp.begin(alice)
    assert totp.check(device, code_of(device, 1)).offset == 1
    row = copy_of(device)
    assert (row.confirmed, row.last_t) == (False, -1)


@pytest.mark.parametrize("columns", [{"confirmed": True}, {"key": "00" * 20}])
def test_a_device_that_was_confirmed_or_replaced_meanwhile_is_not_confirmed(alice, columns):
    device = totp.begin(alice)
    change(device, **columns)
    with pytest.raises(NothingEnrolled):
        totp.complete(device, code_of(device))
    assert copy_of(device).last_t == -1


def test_a_device_that_was_deleted_meanwhile_is_not_confirmed(alice):
    device = totp.begin(alice)
    TOTPDevice.objects.all().delete()
    with pytest.raises(NothingEnrolled):
        totp.complete(device, code_of(device))
