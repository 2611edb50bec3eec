"""The failure budget under many answers at the same moment: no more of them are judged than a budget holds."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from functools import partial

import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.browsers import device_cookie
from allauth_2fa.budget import charging, stored
from allauth_2fa.budget.budget import Budget
from allauth_2fa.exceptions import AlreadyUsed, Locked, Refused, Throttled
from allauth_2fa.factors import lookup
from allauth_2fa.models import Browser
from tests.cast import code_of, wrong_code_of

from .browser import at_once as posted_at_once
from .browser import fields_of
from .server import AT_ONCE
from .test_threads import at_once

THREADS = 64
HELD = 5
"""What both budgets hold for five minutes."""

CHALLENGE, REAUTHENTICATION = reverse("two-factor-authenticate"), reverse("two-factor-reauthenticate")

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes need a while to start


@pytest.fixture
def _no_throttling(settings):
    """Let the budget alone hold guessers up."""
    settings.OTP_TOTP_THROTTLE_FACTOR = 0


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def counted(user, **row):
    """Return how many failures the budget of that row has."""
    return len(Budget.of(user.pk, Browser.all_rows.filter(user=user, **row).values(*stored.COLUMNS).get()).failures)


def guessing(user, device, answer, request=None):
    """Return a call that answers as a request does that has just read the user's devices."""
    devices = lookup.primary_devices(user, **stored.annotation(user, request))
    budget = stored.budget_of(user, request, devices)
    copy = next(read for read in devices if read == device)
    return partial(charging.judge_answer, user, request, charging.Answer(budget, copy, answer, [copy]))


@pytest.mark.usefixtures("_no_throttling")
@pytest.mark.parametrize("there_before", [True, False], ids=["after a failure before", "as the first ones ever"])
def test_of_64_wrong_codes_five_are_judged(alice, phone, there_before):
    if there_before:
        with pytest.raises(Refused):
            guessing(alice, phone, wrong_code_of(phone))()
    outcomes = at_once(*(guessing(alice, phone, wrong_code_of(phone)) for _ in range(THREADS)))
    judged = HELD - there_before
    assert kinds(outcomes) == {Refused: judged, Throttled: THREADS - judged}, [str(outcome) for outcome in outcomes]
    assert counted(alice) == HELD


@pytest.mark.usefixtures("_no_throttling")
@pytest.mark.parametrize("there_before", [True, False], ids=["after a failure before", "as the first ones ever"])
def test_it_is_so_where_each_request_is_one_transaction(alice, phone, there_before):
    """``ATOMIC_REQUESTS``. SQLite refuses transactions that read before they write, with us or without."""
    whole = transaction.atomic if connection.features.has_select_for_update else nullcontext
    if there_before:
        with pytest.raises(Refused):
            guessing(alice, phone, wrong_code_of(phone))()
    code = wrong_code_of(phone)

    def serve():
        with whole():
            try:
                guessing(alice, phone, code)()
            except Refused as refusal:
                return refusal

    judged = HELD - there_before
    assert kinds(at_once(*[serve] * THREADS)) == {Refused: judged, Throttled: THREADS - judged}
    assert counted(alice) == HELD


@pytest.mark.usefixtures("_no_throttling")
def test_of_64_wrong_codes_in_a_known_browser_five_are_judged(alice, phone):
    request = RequestFactory().get("/")
    row = device_cookie.remember(request, alice)
    request.COOKIES[device_cookie.COOKIE] = request._allauth_2fa.browser_cookie
    outcomes = at_once(*(guessing(alice, phone, wrong_code_of(phone), request) for _ in range(THREADS)))
    assert kinds(outcomes) == {Refused: HELD, Throttled: THREADS - HELD}, [str(outcome) for outcome in outcomes]
    assert counted(alice, pk=row.pk) == HELD
    assert not Browser.all_rows.filter(user=alice, digest=Browser.OTHERS).exists()


@pytest.mark.usefixtures("_no_throttling")
def test_of_64_wrong_codes_at_64_devices_five_are_judged(alice):
    devices = [TOTPDevice.objects.create(user=alice, name=f"{number}") for number in range(THREADS)]
    outcomes = at_once(*(guessing(alice, device, wrong_code_of(device)) for device in devices))
    assert kinds(outcomes) == {Refused: HELD, Throttled: THREADS - HELD}, [str(outcome) for outcome in outcomes]


@pytest.mark.usefixtures("_no_throttling")
def test_the_last_try_of_a_year_is_judged_once_and_announced_once(alice, phone, settings, caplog):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["7/365d"]}
    outcomes = at_once(*(guessing(alice, phone, wrong_code_of(phone)) for _ in range(THREADS)))
    assert kinds(outcomes) == {Refused: 7, Locked: THREADS - 7}, [str(outcome) for outcome in outcomes]
    assert [record.message.split()[0] for record in caplog.records].count("locked") == 1


@pytest.mark.usefixtures("_no_throttling")
@pytest.mark.parametrize("there_before", [True, False], ids=["after a failure before", "as the first ones ever"])
def test_the_right_code_has_its_turn_among_the_wrong_ones(alice, phone, there_before):
    """Whatever the order: after the fifth failure nothing is judged, right or wrong."""
    if there_before:
        with pytest.raises(Refused):
            guessing(alice, phone, wrong_code_of(phone))()
    wrong = [guessing(alice, phone, wrong_code_of(phone)) for _ in range(THREADS // 2)]
    outcomes = at_once(guessing(alice, phone, code_of(phone)), *wrong)
    assert type(outcomes[0]) in {type(None), Throttled}, str(outcomes[0])
    assert kinds(outcomes[1:]) == {Refused: HELD - there_before, Throttled: len(wrong) - HELD + there_before}
    assert counted(alice) == HELD


@pytest.mark.usefixtures("_no_throttling")
@pytest.mark.parametrize("has_request", [True, False])
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("there_before", [True, False])
def test_a_right_code_that_was_read_before_the_budget_was_emptied_is_not_judged(alice, phone, is_known, there_before, has_request):
    request = RequestFactory().get("/")
    if is_known:
        device_cookie.remember(request, alice)
        request.COOKIES[device_cookie.COOKIE] = request._allauth_2fa.browser_cookie
    asked = request if has_request else None
    if there_before:
        with pytest.raises(Refused):
            guessing(alice, phone, wrong_code_of(phone), asked)()
    before = guessing(alice, phone, code_of(phone), asked)
    for _ in range(HELD - there_before):
        with pytest.raises(Refused):
            guessing(alice, phone, wrong_code_of(phone), asked)()
    with pytest.raises(Throttled):
        before()
    phone.refresh_from_db()
    assert phone.last_t == -1
    assert Browser.objects.filter(user=alice).count() == is_known


@pytest.mark.usefixtures("_no_throttling")
def test_one_right_code_many_times_at_once_is_accepted_once_and_no_failure(alice, phone):
    outcomes = at_once(*(guessing(alice, phone, code_of(phone)) for _ in range(THREADS)))
    assert kinds(outcomes).keys() <= {type(None), AlreadyUsed, Throttled}, [str(outcome) for outcome in outcomes]
    assert outcomes.count(None) == 1
    assert counted(alice) == 0 if Browser.all_rows.filter(user=alice).exists() else True


def test_wrong_codes_from_all_sides_in_several_processes(site, pending_login, alice):
    """Pending logins, each guessing at another device, so that no device makes anybody wait."""
    devices = [TOTPDevice.objects.create(user=alice, name=f"{number}") for number in range(2 * AT_ONCE)]
    logins = pending_login(alice, 2 * AT_ONCE)
    answered = posted_at_once(
        browser.begin(CHALLENGE, fields_of(page, "otp_token") | {"otp_token": wrong_code_of(device), "device": device.persistent_id})
        for (browser, page), device in zip(logins, devices, strict=True)
    )
    assert {answer.status for answer in answered} == {200}, site.complaints.read_text()
    assert sum("That code is not right" in answer.text for answer in answered) == HELD
    assert sum("Too many tries" in answer.text for answer in answered) == 2 * AT_ONCE - HELD
    assert counted(alice) == HELD
    assert TOTPDevice.objects.filter(user=alice, throttling_failure_count__gt=0).count() == HELD


def test_the_owner_comes_in_by_a_known_browser_while_strangers_guess(site, pending_login, alice, phone):
    ((owner, page),) = pending_login(alice, 1)
    owner.submit(CHALLENGE, page, otp_token=code_of(phone))
    assert owner.is_logged_in(alice)
    devices = [phone, *(TOTPDevice.objects.create(user=alice, name=f"{number}") for number in range(AT_ONCE - 1))]
    for name in ("sessionid", "csrftoken"):
        owner.cookies.pop(name)
    page = owner.give_password(alice)
    strangers = pending_login(alice, AT_ONCE)
    right = owner.begin(CHALLENGE, fields_of(page, "otp_token") | {"otp_token": code_of(devices[-1]), "device": devices[-1].persistent_id})
    wrong = [
        browser.begin(CHALLENGE, fields_of(page, "otp_token") | {"otp_token": wrong_code_of(device), "device": device.persistent_id})
        for (browser, page), device in zip(strangers[:-1], devices[:-1], strict=True)
    ]
    answered = posted_at_once([*wrong, right])
    assert answered[-1].status == 302, site.complaints.read_text()
    assert owner.is_logged_in(alice)
    assert sum("That code is not right" in answer.text for answer in answered[:-1]) == HELD


def test_login_and_reauthentication_share_the_budget(site, pending_login, alice):
    devices = [TOTPDevice.objects.create(user=alice, name=f"{number}") for number in range(AT_ONCE)]
    logged_in = pending_login(alice, 4)
    for (browser, page), device in zip(logged_in, devices, strict=False):
        browser.submit(CHALLENGE, page, otp_token=code_of(device), device=device.persistent_id)
        browser.cookies.pop(device_cookie.COOKIE)
    asked = [(browser, browser.get(REAUTHENTICATION), REAUTHENTICATION) for browser, _page in logged_in]
    asked += [(browser, page, CHALLENGE) for browser, page in pending_login(alice, AT_ONCE - 4)]
    answered = posted_at_once(
        browser.begin(path, fields_of(page, "otp_token") | {"otp_token": wrong_code_of(device), "device": device.persistent_id})
        for (browser, page, path), device in zip(asked, devices, strict=True)
    )
    assert {answer.status for answer in answered} == {200}, site.complaints.read_text()
    assert sum("That code is not right" in answer.text for answer in answered) == HELD


def test_opening_while_guesses_come_in_leaves_a_budget_that_counts(alice, phone, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    outcomes = at_once(
        *(guessing(alice, phone, wrong_code_of(phone)) for _ in range(THREADS // 2)),
        *(partial(charging.unlock, alice, "admin") for _ in range(3)),
    )
    assert kinds(outcomes[: THREADS // 2]).keys() <= {Refused, Throttled}, [str(outcome) for outcome in outcomes]
    assert counted(alice) <= HELD


def test_a_user_who_is_deleted_meanwhile_gets_no_error_page(alice, phone):
    call = guessing(alice, phone, wrong_code_of(phone))
    right = guessing(alice, phone, code_of(phone))
    alice.delete()
    for late in (call, right):
        outcome = at_once(late)[0]
        assert type(outcome).__module__ == "allauth_2fa.exceptions", (connection.vendor, outcome)
