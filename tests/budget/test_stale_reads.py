"""What was read may be out of date when it is written upon: others write, revoke and delete in between."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from allauth_2fa import support
from allauth_2fa.answers import verify
from allauth_2fa.browsers import device_cookie
from allauth_2fa.budget import charging, stored
from allauth_2fa.exceptions import LoginEnded, Refused, Throttled
from allauth_2fa.factors import lookup
from allauth_2fa.models import Browser
from tests.budget.conftest import budget_of_new_browsers, empty
from tests.cast import code_of, wrong_code_of

pytestmark = pytest.mark.django_db

WRITTEN = {"in_a_row": 7}


@pytest.fixture
def request_of_alice(rf, alice):
    """A request from a browser in which Alice has verified."""
    request = rf.get("/")
    device_cookie.remember(request, alice)
    again = rf.get("/")
    again.COOKIES[device_cookie.COOKIE] = request._allauth_2fa.browser_cookie
    return again


def interfere():
    """Write to every budget, as another process does."""
    for row in Browser.all_rows.all():
        Browser.all_rows.filter(pk=row.pk).update(version=row.version + 1)


def test_a_budget_is_read_along_with_the_devices(alice, phone, request_of_alice):

    assert connection.features.supports_json_field  # SQLite is asked once a process
    with CaptureQueriesContext(connection) as queries:
        devices = lookup.primary_devices(alice, **stored.annotation(alice, request_of_alice))
        budget = stored.budget_of(alice, request_of_alice, devices)
    assert len(queries) == 1
    assert budget == stored.budget_of(alice, request_of_alice)
    assert budget.is_known


def test_what_another_has_written_is_read_before_it_is_written_upon(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    Browser.objects.update(version=5, in_a_row=3)
    written = stored.write(budget, lambda found: {"in_a_row": found.in_a_row + 1})
    assert (written.in_a_row, written.version) == (4, 6)
    assert written == stored.budget_of(alice, request_of_alice)


def test_a_writer_that_is_always_too_late_locks_the_row(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    rounds = []

    def decide(found):
        rounds.append(found)
        if len(rounds) <= stored.ROUNDS:
            interfere()
        return WRITTEN

    written = stored.write(budget, decide)
    assert len(rounds) == stored.ROUNDS + 1
    assert written == stored.budget_of(alice, request_of_alice)


def test_after_the_lock_nothing_needs_to_be_written(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    written = stored._write_alone(budget, lambda _found: {})
    assert written == stored.budget_of(alice, request_of_alice)


def test_a_refusal_after_the_lock_is_one(alice, request_of_alice):
    def decide(_found):
        raise Throttled

    with pytest.raises(Throttled):
        stored._write_alone(stored.budget_of(alice, request_of_alice), decide)


def test_a_row_that_another_has_made_is_not_made_again(alice):
    untouched = budget_of_new_browsers(alice)
    first = stored.write(untouched, lambda found: found.failed())
    second = stored.write(untouched, lambda found: found.failed())
    assert len(second.failures) == 2
    assert first.pk == second.pk
    assert second == budget_of_new_browsers(alice)


def test_a_browser_that_was_revoked_meanwhile_is_one_of_the_strangers(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    Browser.objects.all().delete()
    assert not stored.write(budget, lambda _found: WRITTEN).is_known
    assert budget_of_new_browsers(alice).in_a_row == 7


@pytest.mark.parametrize("is_there", [True, False])
def test_it_is_so_after_the_lock_too(alice, request_of_alice, is_there):
    budget = stored.budget_of(alice, request_of_alice)
    Browser.objects.all().delete()
    if is_there:
        empty(alice)
    written = stored._write_alone(budget, lambda _found: WRITTEN)
    assert written == budget_of_new_browsers(alice)


@pytest.mark.django_db(transaction=True)
def test_the_budget_of_a_deleted_user_ends_the_login(alice, phone, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    strangers = budget_of_new_browsers(alice)
    alice.delete()
    for late in (budget, strangers):
        with pytest.raises(LoginEnded):
            stored.write(late, lambda _found: WRITTEN)
    with pytest.raises(LoginEnded):
        stored._write_alone(strangers, lambda _found: WRITTEN)


@pytest.mark.parametrize("there_before", [True, False])
def test_a_right_answer_that_was_read_too_early_has_its_turn_all_the_same(rf, alice, there_before):
    if there_before:
        stored.write(budget_of_new_browsers(alice), lambda found: found.failed())
    budget = budget_of_new_browsers(alice)
    stored.write(budget, lambda found: found.failed())
    request = rf.get("/")
    charging.judge(alice, request, budget, charging.Guess(lambda: None, is_right=True))
    assert device_cookie.was_noted(request, alice)
    assert device_cookie.remember(request, alice) == Browser.objects.get()
    assert len(budget_of_new_browsers(alice).failures) == 1 + there_before


def test_a_right_answer_of_a_browser_that_was_revoked_meanwhile_makes_it_a_new_one(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    Browser.objects.all().delete()
    charging.judge(alice, request_of_alice, budget, charging.Guess(lambda: None, is_right=True))
    assert device_cookie.known(request_of_alice, alice) == Browser.objects.get()


def test_an_answer_of_a_browser_that_was_revoked_while_it_was_judged_makes_none_known(alice, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    guess = charging.Guess(lambda: Browser.objects.all().delete())
    charging.judge(alice, request_of_alice, budget, guess)
    assert not device_cookie.was_noted(request_of_alice, alice)
    assert not Browser.objects.exists()


def test_without_a_request_there_is_no_browser(alice):
    charging.judge(alice, None, budget_of_new_browsers(alice), charging.Guess(lambda: None, is_right=True))
    charging.judge(alice, None, budget_of_new_browsers(alice), charging.Guess(lambda: None))
    assert not Browser.objects.exists()
    assert not budget_of_new_browsers(alice).failures


def test_a_verification_in_a_browser_that_was_revoked_meanwhile_makes_it_a_new_one(alice, phone, request_of_alice):
    budget = stored.budget_of(alice, request_of_alice)
    request_of_alice._allauth_2fa.budget = budget
    Browser.objects.all().delete()
    charging.note_verified(request_of_alice, alice, phone)
    assert device_cookie.known(request_of_alice, alice) == Browser.objects.get()


def test_another_users_budget_is_not_charged_in_the_same_request(alice, bob, phone, request_of_alice):
    request_of_alice._allauth_2fa.budget = stored.budget_of(alice, request_of_alice)
    charging.note_verified(request_of_alice, bob, phone)
    assert Browser.objects.filter(user=bob).count() == 1
    assert device_cookie.known(request_of_alice, alice)
    assert device_cookie.known(request_of_alice, bob)


def test_nothing_that_is_shown_of_an_answer_shows_it(alice, phone):
    answer = charging.Answer(budget_of_new_browsers(alice), phone, code_of(phone), [phone])
    guess = charging.Guess(lambda: None)
    assert code_of(phone) not in repr(answer)
    assert "lambda" not in repr(guess)


def test_nothing_that_is_shown_of_a_browser_shows_its_cookie(rf):
    entry = device_cookie.NewCookie.made(rf.get("/"))
    assert entry.value not in repr(entry)


def test_a_reset_by_support_forgets_what_was_counted(alice, phone, staff):
    empty(alice)
    support.reset(alice, staff, "lost the phone")
    assert not charging.locked(alice)


def test_several_apps_that_were_asked_at_once_count_as_so_many_guesses(client, alice, phone, clock):
    """Where no device was chosen: ten apps have thirty codes that are right."""

    for number in range(9):
        type(phone).objects.create(user=alice, name=f"{number}")
    for _ in range(3):
        with pytest.raises(Refused):
            verify.answer(alice, wrong_code_of(phone))
    with pytest.raises(charging.Locked):
        verify.answer(alice, wrong_code_of(phone))
    with pytest.raises(Refused) as refusal:
        verify.answer(alice, wrong_code_of(phone), phone.persistent_id)
    assert refusal.value.code == "refused"
    assert [failure.weight for failure in budget_of_new_browsers(alice).failures] == [10, 10, 10, 1]
