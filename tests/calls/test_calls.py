"""What a login costs the processor. bench/README.md has the same for others."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.calls.counting import ROOM, calls_of_a_login, whole

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

WHOLE, KNOWN, PAGE = 35_600, 38_200, 3_040
"""On the oldest versions supported. Some 1,000 of a whole login are Django's, which notes in tests what templates render."""


def test_a_login_in_a_new_browser(alice, phone):
    counted = calls_of_a_login(alice, phone)
    assert whole(counted) <= WHOLE * ROOM, counted


def test_a_login_in_a_known_browser_where_trust_is_on(alice, phone, settings):
    settings.ALLAUTH_2FA_TRUST_ENABLED = True
    counted = calls_of_a_login(alice, phone, Client())
    assert whole(counted) <= KNOWN * ROOM, counted


def test_a_page_that_asks_for_the_user(alice, phone):
    counted = calls_of_a_login(alice, phone)
    assert counted["a page"] <= PAGE * ROOM, counted
