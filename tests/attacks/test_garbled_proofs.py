"""Attack: change by what a login is proved, while it waits at a stage after ours."""

from __future__ import annotations

import pytest
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.state.pending import PendingLogin, ProvedBy
from tests.attacks.test_other_login_views import NOBODY, who
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

GARBLED = [
    *(None, True, 1, "not asked", [], [None], [[]], ["x"], {}, {"not asked": 1}, ["not asked", 1], [["not asked"]], ["NOT_ASKED"]),
    *(["device"], ["device", None], ["device", 7], ["device", "x", "y"], ["mfa", True], ["trust"], ["trust", "x"], ["trust", {}]),
    *(["passkey", "x"], ["passkey", "x", "y"], ["passkey", "x", True], ["passkey", 1, "x"], ["nothing yet"], ["nothing yet", "x"]),
]


@pytest.fixture(autouse=True)
def _later(settings):
    settings.ACCOUNT_ADAPTER = "tests.attacks.adapters.LaterStageAdapter"


def planted(client, proof):
    """Write this where our stage keeps by what the client's pending login is proved."""
    session = client.session
    login = session["account_login"]
    login["state"]["stages"]["mfa_authenticate"]["data"]["proved_by"] = proof
    session["account_login"] = login
    session.save()


@pytest.mark.parametrize("proof", GARBLED, ids=repr)
def test_what_cannot_be_read_ends_the_login(client, alice, phone, proof):
    give_password(client, alice)
    assert give_answer(client, code_of(phone))["Location"] == "/later/"
    planted(client, proof)
    client.post("/later/")
    assert who(client) == NOBODY
    assert not is_logged_in(client)


@pytest.mark.parametrize("proof", GARBLED, ids=repr)
def test_it_ends_that_of_a_user_too_of_whom_nothing_is_asked(client, bob, proof):
    give_password(client, bob)
    planted(client, proof)
    client.post("/later/")
    assert who(client) == NOBODY


@pytest.mark.parametrize("proof", [["not asked"], ["mfa"], ["trust", ["1", 1, "x"]], ["device", "pager.pager/9"], ["passkey", "x", 1]])
def test_another_answer_than_that_which_was_given_logs_nobody_in_who_has_a_factor(client, alice, proof):
    give_password(client, alice)
    TOTPDevice.objects.create(user=alice)
    planted(client, proof)
    client.post("/later/")
    assert who(client) == NOBODY
    assert not is_logged_in(client)


@pytest.mark.parametrize("data", [None, 1, "x", [], [["proved_by", ["not asked"]]], {}])
def test_a_state_of_any_type_is_one_without_an_answer(data):
    login = PendingLogin(data)
    assert (login.proved_by, login.needs_device) == (ProvedBy.NOTHING_YET, True)
    found = (login.device_id, login.trust, login.passkey_used_at, login.password, login.backend, login.wants_trust, login.sessions_ended)
    assert found == (None, None, 0, None, None, False, None)
