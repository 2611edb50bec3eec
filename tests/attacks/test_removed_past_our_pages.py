"""A device that is deleted past our pages, by code of the project's or in a shell, is removed like any other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import support
from allauth_2fa.devices import manage, turn_off
from allauth_2fa.factors import registry
from allauth_2fa.models import Browser, DeviceOptions, RecoveryDevice
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests import urls

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

OFF = ["device_removed", "two_factor_off", "sessions_ended"]


def lose(request):
    """Delete the devices of the user in the query, as a view of the project may."""
    User.objects.get(username=request.GET["who"]).totpdevice_set.all().delete()
    return HttpResponse("gone")


urlpatterns = [*urls.urlpatterns, path("lose/", lose)]


def told():
    return [row.event for row in AuditEntry.objects.order_by("pk")]


def who(client):
    return client.get("/").text.removeprefix("user: ")


def by_instance(user):
    TOTPDevice.objects.get(user=user).delete()


def by_query(user):
    TOTPDevice.objects.filter(user=user).delete()


def by_the_manager_of_the_user(user):
    user.totpdevice_set.all().delete()


@pytest.mark.parametrize("deletes", [by_instance, by_query, by_the_manager_of_the_user])
def test_the_last_device_turns_everything_off(client, alice, phone, deletes, django_capture_on_commit_callbacks):
    login_verified(client, alice, phone)
    manage.prefer(phone)
    browser = Browser.objects.create(user=alice, digest="x" * 64, trusted_until=timezone.now() + timedelta(days=1), trust="a.b")
    with django_capture_on_commit_callbacks(execute=True):
        deletes(alice)
    assert told() == OFF
    assert {(row.user, row.actor_label) for row in AuditEntry.objects.all()} == {(alice, "console")}
    assert AuditEntry.objects.get(event="device_removed").facts == {"factor": "totp"}
    assert who(client) == "AnonymousUser"
    assert not DeviceOptions.objects.exists()
    browser.refresh_from_db()
    assert browser.trusted_until is None
    assert {message.to[0] for message in mail.outbox} == {"alice@example.com"}


def test_one_of_several_is_announced_and_ends_nothing(client, alice, phone):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    login_verified(client, alice, phone)
    tablet.delete()
    assert told() == ["device_removed"]
    assert who(client) == "alice"


def test_several_at_once_turn_it_off_once_for_each_user(alice, bob, phone):
    for user in (alice, bob, bob):
        TOTPDevice.objects.create(user=user)
    TOTPDevice.objects.all().delete()
    assert sorted(told()) == sorted(["device_removed"] * 4 + ["two_factor_off", "sessions_ended"] * 2)


def test_a_device_that_waits_to_be_confirmed_is_nothing(client, alice, phone):
    login_verified(client, alice, phone)
    TOTPDevice.objects.create(user=alice, confirmed=False)
    TOTPDevice.objects.filter(confirmed=False).delete()
    assert told() == []
    assert who(client) == "alice"


def test_what_the_database_says_counts_and_not_what_the_instance_remembers(alice, phone):
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=False)
    stale = TOTPDevice.objects.get(pk=phone.pk)
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=True)
    again = TOTPDevice.objects.get(pk=phone.pk)
    stale.delete()
    assert told() == OFF
    again.delete()
    assert told() == OFF


def test_recovery_codes_are_announced_and_leave_the_rest_on(client, alice, phone):
    login_verified(client, alice, phone)
    registry.recovery.renew(alice, 3)
    RecoveryDevice.objects.all().delete()
    assert told() == ["device_removed"]
    assert who(client) == "alice"


@pytest.mark.parametrize("of", ["the instance", "a query"])
def test_a_user_who_is_deleted_takes_the_devices_along_without_a_word(alice, phone, of):
    registry.recovery.renew(alice, 3)
    (alice if of == "the instance" else User.objects.filter(pk=alice.pk)).delete()
    connection.check_constraints()
    assert told() == []
    assert not TOTPDevice.objects.exists()


def test_nothing_is_announced_of_what_is_rolled_back(client, alice, phone):
    login_verified(client, alice, phone)
    with transaction.atomic():
        phone.delete()
        transaction.set_rollback(True)
    assert told() == []
    assert who(client) == "alice"


def test_our_own_flows_announce_it_once(alice, bob, phone, staff):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    manage.remove(tablet)
    assert told() == ["device_removed"]
    manage.withdraw(phone, staff)
    assert told() == ["device_removed", *OFF]
    TOTPDevice.objects.create(user=bob)
    turn_off.remove_all(bob)
    assert told()[4:] == ["two_factor_off"]
    TOTPDevice.objects.create(user=bob)
    support.reset(bob, staff, "lost")
    assert told()[5:] == ["two_factor_off", "reset_by_support", "sessions_ended"]


# Who did it


@pytest.mark.django_db(transaction=True)
def test_a_user_who_does_it_in_a_view_of_the_project_stays_logged_in_where_they_did_it(client, alice, phone):
    other = Client()
    login_verified(other, alice, phone)
    login_verified(client, alice, phone)
    before = client.session.session_key
    assert client.get("/lose/?who=alice").text == "gone"
    assert told() == OFF
    assert {row.actor for row in AuditEntry.objects.all()} == {alice}
    assert who(client) == "alice"
    assert client.session.session_key != before
    assert "otp_device_id" not in client.session
    assert who(other) == "AnonymousUser"


@pytest.mark.django_db(transaction=True)
def test_a_user_who_does_it_to_somebody_else_is_named_and_stays(client, alice, bob, phone):
    client.force_login(bob)
    other = Client()
    login_verified(other, alice, phone)
    client.get("/lose/?who=alice")
    assert told() == OFF
    assert {row.actor for row in AuditEntry.objects.all()} == {bob}
    assert who(client) == "bob"
    assert who(other) == "AnonymousUser"


@pytest.mark.django_db(transaction=True)
def test_an_unknown_visitor_is_named_nobody(client, alice, phone):
    client.get("/lose/?who=alice")
    assert told() == OFF
    assert {(row.actor, row.actor_label) for row in AuditEntry.objects.all()} == {(None, "")}
