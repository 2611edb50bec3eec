"""A code is taken out of a sentence that was pasted whole, but no code of a project's own device is cut."""

from __future__ import annotations

import pytest

from tests.cast import give_answer, give_password, is_logged_in
from tests.pager.models import Pager

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"


@pytest.mark.parametrize("code", ["p!n#361423", "hunter-361423"])
def test_a_code_that_follows_a_pin_stays_whole(client, alice, monkeypatch, code):
    """Servers that check a PIN and the code of a token together take both in one answer."""
    monkeypatch.setattr(Pager, "is_interactive", lambda self: False)
    monkeypatch.setattr(Pager, "verify_token", lambda self, token: token == code.replace("-", ""))
    Pager.objects.create(user=alice, name="Token with a PIN")
    give_password(client, alice)
    assert "data-whole" in client.get(CHALLENGE).text
    give_answer(client, code)
    assert is_logged_in(client)


def test_a_code_that_was_sent_is_taken_out_of_its_message(client, alice):
    Pager.objects.create(user=alice, name="Red pager")
    give_password(client, alice)
    assert "data-whole" not in client.get(CHALLENGE).text
    give_answer(client, f"Your code is {Pager.sent[-1]}")
    assert is_logged_in(client)
