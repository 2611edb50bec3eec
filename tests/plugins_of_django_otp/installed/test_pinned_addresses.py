"""Where the codes of a device go is written in the device, and does not move with the primary address of its user."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.core import checks, mail
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_otp.plugins.otp_email.models import EmailDevice

from allauth_2fa.answers import verify
from allauth_2fa.checks.factors import check_addresses
from allauth_2fa.devices import sending
from allauth_2fa.exceptions import AddressRefused, NoAddress
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode
from allauth_2fa.state.store import ChallengeStore
from tests.cast import give_answer, give_password, is_logged_in, is_pending
from tests.plugins_of_django_otp.installed.conftest import code_in

CHALLENGE = "/accounts/two-factor/authenticate/"
migration = import_module("allauth_2fa.migrations.0010_pin_email_addresses")

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[None, ""], ids=["null", "empty"])
def blank(request, alice, address):
    """A device of Alice's that says nothing of where its codes go, as django-otp's admin makes one."""
    return EmailDevice.objects.create(user=alice, name="Mail", email=request.param)


# A device without an address


def test_a_device_without_an_address_is_sent_no_code_and_logs_nobody_in_without(client, alice, blank):
    give_password(client, alice)
    assert is_pending(client)
    assert mail.outbox == []
    page = client.post(CHALLENGE, {"action": "send", "device": blank.persistent_id})
    assert page.context["notice"] == NoAddress().message
    assert mail.outbox == []
    assert not is_logged_in(client)


def test_it_accepts_no_answer_even_a_code_that_somebody_has_had_it_send(client, alice, blank):
    blank.generate_challenge()
    code = mail.outbox[0].body.strip()
    give_password(client, alice)
    give_answer(client, code, device=blank.persistent_id)
    assert not is_logged_in(client)


def test_it_refuses_by_the_code_that_scripts_know(alice, blank):
    with pytest.raises(NoAddress) as refusal:
        sending.send(None, alice, blank.persistent_id, ChallengeStore({}))
    assert refusal.value.code == AddressRefused.code
    # It may have had an address when the code was sent.
    without, store = blank.email, ChallengeStore({})
    EmailDevice.objects.update(email="alice@example.com")
    sending.send(None, alice, blank.persistent_id, store)
    EmailDevice.objects.update(email=without)
    with pytest.raises(NoAddress):
        verify.answer(alice, code_in(mail.outbox[0]), store=store)


def test_a_thief_who_moves_the_primary_address_gets_no_code(client, alice, blank):
    EmailAddress.objects.create(user=alice, email="mallory@example.com", verified=True).set_as_primary()
    give_password(client, alice)
    client.post(CHALLENGE, {"action": "send"})
    assert mail.outbox == []


def test_a_device_with_an_address_does_not_follow_the_primary_one_either(client, alice, mailbox):
    EmailAddress.objects.create(user=alice, email="mallory@example.com", verified=True).set_as_primary()
    give_password(client, alice)
    (sent,) = mail.outbox
    assert sent.to == ["alice@example.com"]
    give_answer(client, code_in(sent))
    assert is_logged_in(client)


def test_its_owner_gets_in_by_a_recovery_code(client, alice, blank):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    give_answer(client, str(codes[0]))
    assert is_logged_in(client)
    assert RecoveryCode.objects.exists()


def test_it_shows_no_address_and_the_users_own_can_be_added_beside_it(alice, blank):
    factor = registry.by_id("email")
    assert factor.detail(blank) == ""
    assert factor.choices(alice, "email") == ["alice@example.com"]


# The migration


def pin(apps=None):
    state = apps or MigrationLoader(connection).project_state().apps
    migration.pin(state, SimpleNamespace(connection=connection))


def pinned():
    return {device.name: device.email for device in EmailDevice.objects.all()}


def test_the_migration_writes_the_users_address_into_blank_devices_alone(alice, bob):
    EmailDevice.objects.create(user=alice, name="null")
    EmailDevice.objects.create(user=alice, name="empty", email="")
    EmailDevice.objects.create(user=alice, name="own", email="alice@example.net")
    EmailDevice.objects.create(user=bob, name="waiting", confirmed=False)
    pin()
    expected = {"null": "alice@example.com", "empty": "alice@example.com", "own": "alice@example.net", "waiting": "bob@example.com"}
    assert pinned() == expected
    pin()
    assert pinned() == expected


def test_it_leaves_a_device_alone_whose_user_has_no_address(alice):
    type(alice).objects.update(email="")
    EmailDevice.objects.create(user=alice, name="null")
    pin()
    assert pinned() == {"null": None}


def test_it_goes_through_more_devices_than_it_writes_at_a_time(alice, bob, monkeypatch):
    monkeypatch.setattr(migration, "BATCH", 2)
    EmailDevice.objects.bulk_create(EmailDevice(user=user, name=f"{user}{at}") for at in range(4) for user in (alice, bob))
    pin()
    assert set(pinned().values()) == {"alice@example.com", "bob@example.com"}
    assert pinned()["bob3"] == "bob@example.com"


@pytest.mark.parametrize("node", [("otp_email", "0002_sidechanneldevice_email"), ("allauth_2fa", "0009_locks")])
def test_it_does_nothing_where_the_table_is_not_there_or_not_complete(alice, node):
    EmailDevice.objects.create(user=alice, name="null")
    pin(MigrationLoader(connection).project_state(node).apps)
    assert pinned() == {"null": None}


class Elsewhere:
    """A router that has this table made in no database."""

    def allow_migrate(self, db, app_label, **_hints):
        return app_label != "otp_email"


def test_it_does_nothing_where_the_table_is_in_another_database(alice, settings):
    settings.DATABASE_ROUTERS = [Elsewhere()]
    EmailDevice.objects.create(user=alice, name="null")
    pin()
    assert pinned() == {"null": None}


def test_it_does_nothing_on_a_site_whose_users_have_no_address(alice, settings):
    settings.ACCOUNT_USER_MODEL_EMAIL_FIELD = None
    EmailDevice.objects.create(user=alice, name="null")
    pin()
    assert pinned() == {"null": None}


@pytest.mark.django_db(transaction=True)
def test_it_is_done_by_migrate_and_taken_back_without_a_loss(alice):
    call_command("migrate", "allauth_2fa", "0009", verbosity=0)
    EmailDevice.objects.create(user=alice, name="null")
    call_command("migrate", "allauth_2fa", verbosity=0)
    assert pinned() == {"null": "alice@example.com"}
    call_command("migrate", "allauth_2fa", "0009", verbosity=0)
    assert pinned() == {"null": "alice@example.com"}
    call_command("migrate", "allauth_2fa", verbosity=0)


# The check


def found():
    return [message for message in checks.run_checks(databases=["default"]) if message.id == "allauth_2fa.W032"]


def test_the_check_counts_them(alice, bob, blank, settings):
    EmailDevice.objects.create(user=bob)
    EmailDevice.objects.create(user=bob, email="bob@example.com")
    EmailDevice.objects.create(user=bob, confirmed=False)
    (message,) = found()
    assert message.msg.startswith("2 devices ")
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert found() == []


def test_the_check_is_silent_where_there_are_none(mailbox):
    assert found() == []


def test_the_check_asks_no_database_that_it_may_not_ask(blank, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert check_addresses() == []
        assert check_addresses(databases=[]) == []
        assert check_addresses(databases=["other"]) == []


def test_the_check_waits_for_the_table(blank, monkeypatch):
    # Django keeps a field's column with the name of its table, which would stay after for other tests.
    assert all(field.cached_col for field in EmailDevice._meta.concrete_fields)
    monkeypatch.setattr(EmailDevice._meta, "db_table", "not_made_yet")
    with connection.cursor() as _cursor:
        assert check_addresses(databases=["default"]) == []


def test_the_check_leaves_settings_that_cannot_be_used_to_the_others(blank, settings):
    settings.ALLAUTH_2FA_FACTORS = ["email", "nothing"]
    assert check_addresses(databases=["default"]) == []
