"""Devices are deleted in the admin pages that their own packages bring."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from otp_twilio.models import TwilioSMSDevice
from otp_yubikey.models import RemoteYubikeyDevice, ValidationService

from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

OFF = ["device_removed", "two_factor_off", "sessions_ended"]
PAGES, SERVICES = "/admin/otp_twilio/twiliosmsdevice/", "/admin/otp_yubikey/validationservice/"


@pytest.fixture
def helper(client):
    """A client of staff who may delete such devices, and are no superusers."""
    user = User.objects.create_user("helper", "helper@example.com", PASSWORD, is_staff=True)
    codenames = [
        f"{verb}_{model}" for verb in ("view", "delete") for model in ("twiliosmsdevice", "validationservice", "remoteyubikeydevice")
    ]
    user.user_permissions.set(Permission.objects.filter(codename__in=[*codenames, "delete_user", "view_user"]))
    client.force_login(user)
    return client


def mobile(user):
    return TwilioSMSDevice.objects.create(user=user, number="+15550100", name="Mobile")


def told():
    return [(row.event, row.user_label, row.actor_label) for row in AuditEntry.objects.order_by("pk")]


def by_one(client, device):
    return client.post(f"{PAGES}{device.pk}/delete/", {"post": "yes"})


def by_action(client, device):
    return client.post(PAGES, {"action": "delete_selected", "_selected_action": [device.pk], "post": "yes"})


@pytest.mark.parametrize("delete", [by_one, by_action])
def test_staff_who_delete_the_last_device_turn_everything_off(helper, alice, delete):
    device, owner = mobile(alice), Client()
    login_verified(owner, alice, device)
    assert delete(helper, device).status_code == 302
    assert told() == [(event, "alice", "helper") for event in OFF]
    assert owner.get("/").text == "user: AnonymousUser"
    assert helper.get("/").text == "user: helper"


@pytest.mark.parametrize("delete", [by_one, by_action])
def test_nobody_but_a_superuser_deletes_a_device_of_a_superuser(helper, staff, alice, delete):
    device = mobile(staff)
    assert delete(helper, device).status_code == 403
    assert TwilioSMSDevice.objects.exists()
    assert told() == []
    admin = Client()
    admin.force_login(User.objects.create_superuser("root", "root@example.com", PASSWORD))
    assert delete(admin, device).status_code == 302
    assert told() == [(event, "staff", "root") for event in OFF]


def test_what_a_device_hangs_on_takes_it_along(helper, alice, staff):
    service = ValidationService.objects.create(name="YubiCloud", param_sl="", param_timeout="")
    RemoteYubikeyDevice.objects.create(user=alice, service=service, public_id="cccccccc")
    assert helper.post(f"{SERVICES}{service.pk}/delete/", {"post": "yes"}).status_code == 302
    assert told() == [(event, "alice", "helper") for event in OFF]
    service = ValidationService.objects.create(name="Another", param_sl="", param_timeout="")
    RemoteYubikeyDevice.objects.create(user=staff, service=service, public_id="dddddddd")
    assert helper.post(f"{SERVICES}{service.pk}/delete/", {"post": "yes"}).status_code == 403
    assert RemoteYubikeyDevice.objects.get().user == staff


def test_a_user_who_is_deleted_there_is_none_of_our_business(helper, alice):
    mobile(alice)
    assert helper.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"}).status_code == 302
    connection.check_constraints()
    assert not TwilioSMSDevice.objects.exists()
    assert told() == []


def test_a_device_and_its_user_may_go_in_one_transaction_each_by_a_way_of_its_own(alice):
    service = ValidationService.objects.create(name="YubiCloud", param_sl="", param_timeout="")
    RemoteYubikeyDevice.objects.create(user=alice, service=service, public_id="cccccccc")
    with transaction.atomic():
        service.delete()
        alice.delete()
    assert told() == []
