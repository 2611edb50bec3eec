"""One answer, posted by many clients at the same moment: it counts once."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.audit.log import AuditEntry
from allauth_2fa.factors import registry
from tests.cast import PASSWORD, code_of, wrong_code_of
from tests.concurrency.conftest import as_default
from tests.concurrency.test_threads import at_once
from tests.headless.clients import App, Browser
from tests.passkeys.authenticator import Authenticator

CLIENTS = 32

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def alice(tmp_path, transactional_db):
    """A person in a database that threads share: one in memory is locked for all of them at the least."""
    if connection.vendor != "sqlite":
        yield User.objects.create_user("alice", password=PASSWORD)
        return
    with as_default(str(tmp_path / "shared.sqlite3")):
        call_command("migrate", verbosity=0)
        yield User.objects.create_user("alice", password=PASSWORD)


def waiting(alice, client_class):
    """Return clients whose logins wait."""
    clients = [client_class() for _ in range(CLIENTS)]
    for client in clients:
        assert client.log_in(alice).status_code == 401
    return clients


def status_of(post):
    return lambda: post().status_code


def inside(clients):
    return [client for client in clients if client.user() == "alice"]


@pytest.mark.parametrize("client_class", [Browser, App])
def test_one_code_logs_one_client_in(alice, client_class):
    phone = TOTPDevice.objects.create(user=alice)
    clients, code = waiting(alice, client_class), code_of(phone)
    outcomes = at_once(*(status_of(lambda client=client: client.answer(code)) for client in clients))
    assert Counter(outcomes) == {200: 1, 400: CLIENTS - 1}
    assert len(inside(clients)) == 1


@pytest.mark.parametrize("client_class", [Browser, App])
def test_one_recovery_code_logs_one_client_in(alice, client_class):
    TOTPDevice.objects.create(user=alice)
    (code,) = registry.recovery.renew(alice, 1)
    clients = waiting(alice, client_class)
    outcomes = at_once(*(status_of(lambda client=client: client.answer(code)) for client in clients))
    assert Counter(outcomes) == {200: 1, 400: CLIENTS - 1}
    assert len(inside(clients)) == 1


def test_one_answer_of_a_passkey_counts_once_in_one_session(alice):
    """The same token, from which each request reads the same question."""
    key = Authenticator()
    key.enroll(alice)
    app = App()
    app.log_in(alice)
    options = app.get("auth/webauthn/authenticate").json()["data"]["request_options"]["publicKey"]
    answer, clients = {"credential": json.loads(key.get(options))}, [App() for _ in range(CLIENTS)]
    for client in clients:
        client.session_token = app.session_token
        # Django's test client takes an exception in another thread for its own.
        client.client.raise_request_exception = False
    outcomes = at_once(*(status_of(lambda client=client: client.post("auth/webauthn/authenticate", answer)) for client in clients))
    # The winner's login has a new key: whoever comes later finds no session, or no login, under the old one.
    assert Counter(outcomes)[200] == 1
    assert set(outcomes) <= {200, 400, 401, 410}
    assert len(inside(clients)) == 1


def test_wrong_codes_of_many_clients_are_charged_to_one_budget(alice, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    phone = TOTPDevice.objects.create(user=alice)
    clients, wrong = waiting(alice, App), wrong_code_of(phone)
    reasons = at_once(*(lambda client=client: client.answer(wrong).json()["errors"][0]["code"] for client in clients))
    assert Counter(reasons) == {"incorrect_code": 5, "too_many_login_attempts": CLIENTS - 5}
    assert AuditEntry.objects.filter(event="challenge_refused").count() == 5


def test_one_code_sets_one_app_up(alice):
    app = App()
    app.log_in(alice)
    app.get("account/authenticators/totp")
    code, clients = code_of(TOTPDevice.objects.get()), [App() for _ in range(CLIENTS)]
    for client in clients:
        client.session_token = app.session_token
        client.client.raise_request_exception = False
    outcomes = at_once(*(status_of(lambda client=client: client.post("account/authenticators/totp", {"code": code})) for client in clients))
    assert Counter(outcomes)[200] == 1
    assert set(outcomes) <= {200, 400, 401, 409, 410}
    assert TOTPDevice.objects.filter(confirmed=True).count() == 1
    assert AuditEntry.objects.filter(event="device_added").count() == 1


def test_an_app_that_is_deleted_many_times_at_once_takes_no_other_one_along(alice, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    first, second = TOTPDevice.objects.create(user=alice), Authenticator()
    passkey = second.enroll(alice)
    app = App()
    app.log_in(alice)
    options = app.get("auth/webauthn/authenticate").json()["data"]["request_options"]["publicKey"]
    assert app.post("auth/webauthn/authenticate", {"credential": json.loads(second.get(options))}).status_code == 200
    clients = [App() for _ in range(CLIENTS)]
    for client in clients:
        client.session_token = app.session_token
    outcomes = at_once(*(status_of(lambda client=client: client.ask("DELETE", "account/authenticators/totp")) for client in clients))
    assert Counter(outcomes) == {200: CLIENTS}
    assert not TOTPDevice.objects.filter(pk=first.pk).exists()
    assert type(passkey).objects.filter(pk=passkey.pk).exists()
    assert AuditEntry.objects.filter(event="device_removed").count() == 1
    assert not AuditEntry.objects.filter(event="two_factor_off").exists()
