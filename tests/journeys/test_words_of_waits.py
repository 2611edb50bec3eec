"""What pages say about time: how long to wait comes first, then the clock time with its zone, in each language."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.utils import timezone, translation

from allauth_2fa.exceptions import Throttled, TooSoon, clock_time, wait_until
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, wrong_code_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 17, 2, 0, tzinfo=UTC)
CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "in 1 second"),
        (1, "in 1 second"),
        (29.5, "in 30 seconds"),
        (60, "in 1 minute"),
        (61, "in 2 minutes"),
        (240, "in 4 minutes"),
        (3600, "in 1 hour"),
        (5000, "in 2 hours"),
        (86400, "in 1 day"),
        (200000, "in 3 days"),
        (-5, "in 1 second"),
    ],
)
def test_a_wait_is_said_in_its_largest_unit(seconds, words):
    with time_machine.travel(NOW, tick=False):
        assert wait_until(NOW + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize("refused", [Throttled, TooSoon])
@pytest.mark.parametrize("wait", [timedelta(seconds=20), timedelta(minutes=4), timedelta(days=2)])
@pytest.mark.parametrize("language", ["en", "en-au", "en-gb", "en-us", "de", "fr"])
def test_no_sentence_ends_in_two_points(refused, wait, language):
    with time_machine.travel(NOW, tick=False), translation.override(language):
        text = refused(NOW + wait).message
    assert re.search(r" in \d+ \w+ \(.+ [A-Z]+\)\.$", text)
    assert ".." not in text


def test_the_clock_time_is_the_visitors_and_names_its_zone():
    with time_machine.travel(NOW, tick=False), timezone.override(ZoneInfo("Europe/Berlin")):
        assert clock_time(NOW + timedelta(minutes=4)) == "6:06 p.m. CET"
        assert clock_time(NOW + timedelta(seconds=30)) == "18:02:30 CET"
        assert clock_time(NOW + timedelta(days=1)) == "March 2, 2026, 6:02 p.m. CET"


def test_a_site_without_time_zones_names_none(settings):
    settings.USE_TZ = False
    with time_machine.travel(NOW, tick=False):
        assert clock_time(timezone.now() + timedelta(minutes=4)) == "5:06 p.m."


def test_a_throttled_page_says_how_long_to_wait(client, alice, phone):
    give_password(client, alice)
    for _try in range(3):
        give_answer(client, wrong_code_of(phone))
    response = give_answer(client, code_of(phone))
    assert re.fullmatch(
        r"Too many tries\. You can try again in \d seconds? \(\d\d:\d\d:\d\d \w+\)\.", response.context["form"].errors["otp_token"][0]
    )
    assert "<title>" in response.text
    assert "Error:" in response.text


# A login that was lost


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


LOST = "Your sign-in expired or you left the page. Sign in again."


def test_a_lost_login_is_explained_on_the_login_page(client, alice, phone):
    give_password(client, alice)
    client.cookies.clear()
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/accounts/login/"
    assert LOST in client.get("/accounts/login/").text


def test_a_login_that_was_left_for_another_page_is_explained_on_the_way_back(client, alice, phone):
    give_password(client, alice)
    client.get("/")
    response = client.get(CHALLENGE)
    assert response["Location"] == "/accounts/login/"
    assert said(response) == [LOST]


def test_who_is_logged_in_is_told_nothing(client, alice, phone):
    login_verified(client, alice, phone)
    assert said(client.get(CHALLENGE)) == []
