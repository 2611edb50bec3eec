"""One answer of each kind, posted at the same moment to several processes: it counts once."""

from __future__ import annotations

from itertools import count

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.cast import PASSWORD
from tests.concurrency.browser import at_once, fields_of
from tests.concurrency.conftest import FAILURES, fail_before
from tests.concurrency.server import AT_ONCE, PROCESSES
from tests.matrix.kinds import CHALLENGE, KINDS, Kind

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.timeout(180)]

NUMBERS = count(1)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__.lower())
def holder(request, database) -> Kind:
    """Somebody with a device of that kind: another one for each test, since nothing is rolled back."""
    return request.param(User.objects.create_user(f"holder{next(NUMBERS)}", password=PASSWORD))


def sends(holder: Kind) -> bool:
    return bool(holder.device.is_interactive())


def posting(browser, page, holder, answer):
    """Begin to post the answer where it belongs."""
    chosen = {} if holder.stands_in else {"device": holder.device.persistent_id}
    return browser.begin(reverse("two-factor-authenticate"), fields_of(page, "otp_token") | {"otp_token": answer, **chosen})


def test_of_many_logins_with_one_answer_exactly_one_succeeds(site, pending_login, holder):
    logins = pending_login(holder.user, 1 if sends(holder) else AT_ONCE)
    if sends(holder):
        # Such a code counts for the login that asked for it alone, which somebody has copied.
        holder.device.refresh_from_db()
        answer, logins = holder.device.token, logins * AT_ONCE
    else:
        answer = holder.right(Client())
    answers = at_once(posting(browser, page, holder, answer) for browser, page in logins)
    assert not [answer for answer in answers if answer.is_error_page], site.complaints.read_text()
    assert len({answer.process for answer in answers}) == PROCESSES
    assert [answer.location for answer in answers].count("/") == 1


def test_of_many_wrong_answers_one_is_judged_where_they_can_be_guessed(site, pending_login, holder):
    wrong = holder.wrong(Client()) if not sends(holder) else "000000"
    if holder.throttled:
        fail_before(holder.device)
    logins = pending_login(holder.user)
    answers = at_once(posting(browser, page, holder, wrong) for browser, page in logins)
    assert not [answer for answer in answers if answer.is_error_page], site.complaints.read_text()
    assert {answer.status for answer in answers} == {200}
    if holder.throttled and not sends(holder):
        holder.device.refresh_from_db()
        assert holder.device.throttling_failure_count == FAILURES + 1
    assert not [browser for browser, _page in logins if browser.is_logged_in(holder.user)]


def test_the_page_is_the_one_of_the_kinds():
    assert reverse("two-factor-authenticate") == CHALLENGE
