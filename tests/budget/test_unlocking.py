"""What opens a lock: whatever cannot be guessed, and those who run the site."""

from __future__ import annotations

import pytest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.answers.verify import MOST_UNCHARGED
from allauth_2fa.browsers import device_cookie
from allauth_2fa.budget import charging, stored
from allauth_2fa.exceptions import Refused
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.signals import two_factor_event
from tests.budget.conftest import MINUTE, Person, budget_of_new_browsers, empty, row_of
from tests.cast import code_of, wrong_code_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(django_capture_on_commit_callbacks):
    """Collect what is announced of locks."""
    events = []

    def listen(event, user, facts, **_others):
        if event in {"locked", "unlocked"}:
            events.append((event, user.username, facts))

    two_factor_event.connect(listen)
    yield events
    two_factor_event.disconnect(listen)


def hear(capture, call):
    with capture(execute=True):
        return call()


def by_recovery_code(user, _phone):
    return registry.recovery.renew(user, 1)[0]


def by_static_token(user, _phone):
    StaticDevice.objects.create(user=user).token_set.create(token="abcd2345")
    return "abcd2345"


def by_three_codes(_user, phone):
    return row_of(phone)


@pytest.mark.parametrize("answer", [by_recovery_code, by_static_token, by_three_codes])
@pytest.mark.parametrize("is_known", [True, False])
def test_what_cannot_be_guessed_passes_a_lock_and_opens_it(
    owner, stranger, alice, phone, clock, heard, answer, is_known, django_capture_on_commit_callbacks
):
    owner.log_in()
    clock.shift(5 * MINUTE)
    empty(alice, known=is_known)
    person = owner if is_known else stranger
    person.begin()
    phone.refresh_from_db()
    assert person.say(code_of(phone)) == "locked"
    assert hear(django_capture_on_commit_callbacks, lambda: person.say(answer(alice, phone))) == "in"
    assert not charging.locked(alice)
    assert [(event, who) for event, who, _facts in heard] == [("unlocked", "alice")]
    clock.shift(MINUTE)
    assert Person(alice, phone).log_in() == "in"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_lock_is_opened_where_the_answer_was_given_and_nowhere_else(owner, stranger, alice, phone, clock, is_known):
    """The owner's recovery code at home gives nobody else another year of guesses."""
    owner.log_in()
    clock.shift(5 * MINUTE)
    empty(alice)
    empty(alice, known=True)
    assert len(charging.locked(alice)) == 2
    person = owner if is_known else stranger
    person.begin()
    assert person.say(by_recovery_code(alice, phone)) == "in"
    assert [budget.is_known for budget in charging.locked(alice)] == [not is_known]


def test_a_recovery_code_while_nothing_is_locked_gives_nothing_back(stranger, alice, phone, clock):
    stranger.guess(4)
    assert stranger.say(by_recovery_code(alice, phone)) == "in"
    assert len(budget_of_new_browsers(alice).failures) == 4


def test_wrong_recovery_codes_cost_nothing_and_are_never_refused_unread(stranger, alice, phone):
    registry.recovery.renew(alice, 1)
    empty(alice)
    assert {stranger.say("0000-0000-0000-0000") for _ in range(12)} == {"refused"}


def test_an_app_that_was_throttled_is_free_after_its_lock_is_opened(stranger, alice, phone, clock, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    empty(alice)
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp="2026-01-01T00:00:00Z")
    assert stranger.say(row_of(phone)) == "in"
    clock.shift(MINUTE)
    assert Person(alice, phone).log_in() == "in"


# Three codes in a row


@pytest.mark.parametrize("first", [-4, -3, -2, -1])
def test_three_codes_in_a_row_end_with_one_that_is_shown_about_now(stranger, alice, phone, clock, first):
    clock.shift(3600)
    stranger.begin()
    empty(alice)
    assert stranger.say(row_of(phone, first)) == ("refused" if first == -4 else "in")


@pytest.mark.parametrize("offsets", [(-2, -1, -1), (0, -1, -2), (-3, -2, 0), (-2, 0, 1), (0, 0, 0), (-3, -1, 0)])
def test_codes_that_do_not_follow_one_another_prove_nothing(stranger, alice, phone, clock, offsets):
    empty(alice)
    assert stranger.say("".join(code_of(phone, offset) for offset in offsets)) == "refused"


def test_codes_of_different_devices_prove_nothing(stranger, alice, phone, clock):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    empty(alice)
    mixed = code_of(phone, -2) + code_of(tablet, -1) + code_of(phone)
    assert stranger.say(mixed) == "refused"
    assert stranger.say(mixed, device=phone.persistent_id) == "refused"
    assert stranger.say(row_of(tablet), device=tablet.persistent_id) == "in"


def test_none_of_the_three_may_have_been_used(owner, stranger, alice, phone, clock):
    owner.log_in()
    empty(alice)
    phone.refresh_from_db()
    for first in (-2, -1):
        assert stranger.say(row_of(phone, first)) == "refused"
    clock.shift(3 * 30)
    assert stranger.say(row_of(phone)) == "in"
    again = Person(alice, phone)
    again.begin()
    assert again.say(row_of(phone)) == "refused"


def test_wrong_sequences_throttle_no_app_and_charge_nothing_to_the_budget(stranger, alice, phone, clock, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    stranger.say(wrong_code_of(phone) * 3)
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0
    assert not budget_of_new_browsers(alice).failures


def test_sequences_are_tried_five_times_in_five_minutes(stranger, alice, phone, clock):
    empty(alice)
    assert [stranger.say(wrong_code_of(phone) * 3) for _ in range(6)] == ["refused"] * 5 + ["throttled"]
    assert stranger.say(row_of(phone)) == "in", "nobody guesses right ones, so that they need no ration"


@pytest.mark.parametrize("written", ["0{:05}" * 3, "{:05}" + "0{:05}" * 2])
def test_wrong_sequences_are_noted_ten_times_an_hour_with_their_zeros_and_without(owner, phone, clock, written):
    """A known browser may try twenty of them."""
    owner.log_in()
    owner.begin()
    shown = {int(code_of(phone, shift)) for shift in range(-200, 200)}
    wrong = next(number for number in range(12345, 99999) if number not in shown)
    for _try in range(12):
        assert owner.say(written.format(wrong, wrong, wrong)) == "refused"
        clock.shift(MINUTE + 1)
    assert AuditEntry.objects.filter(event="challenge_refused").count() == MOST_UNCHARGED


def test_a_right_sequence_is_accepted_by_its_app_whichever_device_is_throttled(stranger, alice, phone, clock, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    empty(alice)
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp=timezone.now())
    for device in (tablet, phone):
        person = Person(alice, device)
        person.begin()
        assert person.say(row_of(device)) == "in"
        TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp=timezone.now())


def test_while_codes_are_locked_no_answer_tells_whether_it_was_right(stranger, alice, phone, clock):
    empty(alice)
    answers = [code_of(phone), wrong_code_of(phone), code_of(phone, -1), code_of(phone, -20), "12345"]
    assert {stranger.say(answer) for answer in answers} == {"locked"}


# Those who run the site


def test_those_who_run_the_site_open_everything(
    owner, stranger, alice, phone, staff, clock, heard, settings, django_capture_on_commit_callbacks
):
    owner.log_in()
    settings.OTP_TOTP_THROTTLE_FACTOR = 1
    TOTPDevice.objects.update(throttling_failure_count=30, throttling_failure_timestamp="2026-01-01T00:00:00Z")
    empty(alice)
    empty(alice, known=True)
    assert hear(django_capture_on_commit_callbacks, lambda: charging.unlock(alice, "admin", "called us", actor=staff))
    assert charging.locked(alice) == []
    assert heard == [("unlocked", "alice", {"how": "admin", "reason": "called us"})]
    clock.shift(MINUTE)
    assert Person(alice, phone).log_in() == "in"
    assert not charging.unlock(alice, "admin")


# The announcement


def test_a_lock_is_announced_once(stranger, alice, clock, heard, django_capture_on_commit_callbacks):
    empty(alice)
    Browser.all_rows.update(failures=" ".join(Browser.all_rows.get().failures.split()[:-1]))
    assert hear(django_capture_on_commit_callbacks, lambda: stranger.guess(4)) == ["refused", *["locked"] * 3]
    ((event, _who, facts),) = heard
    assert (event, facts["scope"]) == ("locked", "new browsers")
    assert facts["until"].startswith("2026-11-2")


def test_the_lock_of_a_known_browser_is_announced_by_its_name(owner, alice, clock, heard, django_capture_on_commit_callbacks):
    owner.client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    owner.log_in()
    Browser.objects.update(in_a_row=99)
    owner.begin()
    assert hear(django_capture_on_commit_callbacks, lambda: owner.guess(2)) == ["refused", "locked"]
    assert heard == [("locked", "alice", {"scope": "Firefox on Linux", "until": ""})]


@pytest.mark.parametrize("has_request", [True, False])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_code_that_turns_out_to_be_wrong_after_all_counts(rf, alice, is_known, has_request, clock):
    """Its thirty seconds were over between the first look and the judgement."""

    def judge():
        raise Refused

    request = rf.get("/")
    if is_known:
        device_cookie.remember(request, alice)
    budget = stored.budget_of(alice, request)
    with pytest.raises(Refused):
        charging.judge(alice, request if has_request else None, budget, charging.Guess(judge, is_right=True))
    after = stored.budget_of(alice, request)
    assert (after.is_known, len(after.failures), Browser.objects.count()) == (is_known, 1, is_known)
