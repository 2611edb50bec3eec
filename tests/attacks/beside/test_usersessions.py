"""Attack: find a half-finished login in the list of one's sessions, or break that list."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession

from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db


def test_a_half_finished_login_is_no_session_and_a_finished_one_is(client, alice, phone):
    give_password(client, alice)
    client.get("/who/", headers={"Sec-Fetch-Dest": "empty"})
    assert not UserSession.objects.exists()
    give_answer(client, code_of(phone))
    assert is_logged_in(client)
    assert UserSession.objects.filter(user=alice).count() == 1


def test_a_foreign_login_is_no_session(client, alice, phone):
    client.post("/door/custom/", {"username": "alice", "password": PASSWORD})
    client.get("/who/", headers={"Sec-Fetch-Dest": "empty"})
    assert not UserSession.objects.exists()
    give_answer(client, code_of(phone))
    assert UserSession.objects.filter(user=alice).count() == 1
