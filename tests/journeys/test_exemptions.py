"""Exemptions: granted and ended in the admin, and announced."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.requirement import policy
from allauth_2fa.signals import two_factor_event
from allauth_2fa.testing import login_verified

pytestmark = pytest.mark.django_db

ADD = "/admin/allauth_2fa/exemption/add/"
LIST = "/admin/allauth_2fa/exemption/"


@pytest.fixture
def heard():
    """Tell what has been announced, as if what happened so far were committed."""
    told = []

    def hear(event, user, actor, facts, **_more):
        told.append((event, user.username, actor.username, facts))

    def commit():
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _savepoints, callback, *_robust in waiting:
            callback()
        return told

    two_factor_event.connect(hear)
    yield commit
    two_factor_event.disconnect(hear)


@pytest.fixture
def clerk(django_user_model):
    """Somebody who may do everything with exemptions, and is no superuser."""
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(content_type__model="exemption"))
    return clerk


def fields(whom, **changed):
    tomorrow = timezone.localtime() + dt.timedelta(days=1)
    when = {"expires_at_0": f"{tomorrow:%Y-%m-%d}", "expires_at_1": f"{tomorrow:%H:%M:00}"}
    return {"user": whom.pk, "reason": "Her phone is being repaired", **when, **changed}


def granted(user, **facts):
    tomorrow = timezone.now() + dt.timedelta(days=1)
    return Exemption.objects.create(user=user, **{"reason": "a robot", "expires_at": tomorrow, **facts})


def test_an_exemption_says_who_granted_it_and_is_announced(client, clerk, alice, heard):
    login_verified(client, clerk)
    assert client.post(ADD, fields(alice))["Location"] == LIST
    exemption = Exemption.objects.get()
    assert (exemption.user, exemption.granted_by, exemption.is_active) == (alice, clerk, True)
    until = exemption.expires_at.astimezone(dt.UTC).isoformat(timespec="minutes")
    assert heard() == [("exempted", "alice", "clerk", {"reason": "Her phone is being repaired", "until": until})]
    assert "Her phone is being repaired" in client.get(LIST).text


def test_nobody_exempts_themselves(client, clerk, staff, heard):
    for granter in (clerk, staff):
        login_verified(client, granter)
        assert "You cannot exempt yourself." in client.post(ADD, fields(granter)).text
    assert not Exemption.objects.exists()
    assert heard() == []


def test_a_superuser_is_exempted_by_a_superuser_alone(client, clerk, staff, django_user_model):
    login_verified(client, clerk)
    assert "Only a superuser can exempt a superuser." in client.post(ADD, fields(staff)).text
    assert not Exemption.objects.exists()
    login_verified(client, django_user_model.objects.create_superuser("chief"))
    client.post(ADD, fields(staff))
    assert Exemption.objects.get().granted_by.username == "chief"


def test_an_exemption_has_a_reason_and_ends_in_the_future(client, staff, alice):
    login_verified(client, staff)
    client.post(ADD, fields(alice, reason=""))
    client.post(ADD, fields(alice, expires_at_0=""))
    assert "Enter a time in the future." in client.post(ADD, fields(alice, expires_at_0="2020-01-01")).text
    client.post(ADD, fields(alice, user=""))
    assert not Exemption.objects.exists()


def test_what_was_granted_is_not_changed(client, staff, alice, heard):
    exemption = granted(alice)
    login_verified(client, staff)
    url = reverse("admin:allauth_2fa_exemption_change", args=[exemption.pk])
    assert client.get(url).status_code == 200
    client.post(url, fields(alice, reason="another one", expires_at_0="2099-01-01"))
    exemption.refresh_from_db()
    assert exemption.reason == "a robot"
    assert exemption.expires_at.year < 2099
    assert heard() == []


def test_exemptions_are_ended_together_and_each_is_announced_once(client, clerk, alice, bob, heard):
    rows = [granted(alice), granted(bob), granted(bob, ended_at=timezone.now())]
    login_verified(client, clerk)
    response = client.post(LIST, {"action": "end_now", "_selected_action": [row.pk for row in rows]}, follow=True)
    assert "2 exemptions were ended." in response.text
    assert not any(row.is_active for row in Exemption.objects.all())
    facts = {"reason": "a robot"}
    assert sorted(heard(), key=lambda told: told[1]) == [("exemption_ended", name, "clerk", facts) for name in ("alice", "bob")]


def test_to_delete_an_exemption_is_to_end_it(client, clerk, alice, bob, heard):
    rows = [granted(alice), granted(bob)]
    login_verified(client, clerk)
    client.post(reverse("admin:allauth_2fa_exemption_delete", args=[rows[0].pk]), {"post": "yes"})
    client.post(LIST, {"action": "delete_selected", "_selected_action": [rows[1].pk], "post": "yes"})
    assert not Exemption.objects.exists()
    assert [told[:3] for told in heard()] == [("exemption_ended", name, "clerk") for name in ("alice", "bob")]


def test_a_user_who_has_no_permission_grants_and_ends_nothing(client, alice, bob, django_user_model):
    exemption = granted(alice)
    visitor = django_user_model.objects.create_user("visitor", is_staff=True)
    visitor.user_permissions.set(Permission.objects.filter(codename="view_exemption"))
    login_verified(client, visitor)
    assert client.get(LIST).status_code == 200
    assert client.post(ADD, fields(bob)).status_code == 403
    client.post(LIST, {"action": "end_now", "_selected_action": [exemption.pk]})
    client.post(reverse("admin:allauth_2fa_exemption_delete", args=[exemption.pk]), {"post": "yes"})
    assert Exemption.objects.get().is_active


def test_an_exemption_that_runs_out_is_announced_when_it_is_noticed_and_once(alice, heard, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    end = timezone.now() - dt.timedelta(hours=1)
    granted(alice, expires_at=end)
    assert policy.requirement_of(alice, note=False).is_due
    assert heard() == []
    for _time in range(2):
        assert policy.requirement_of(alice).is_due
    assert heard() == [("exemption_ended", "alice", "alice", {"reason": "a robot"})]
    assert Exemption.objects.get().ended_at == end


def test_one_of_two_exemptions_that_runs_out_leaves_the_other(alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    granted(alice, expires_at=timezone.now() - dt.timedelta(hours=1))
    granted(alice)
    assert policy.requirement_of(alice).status == "exempt"


def test_a_row_is_called_by_its_number(alice):
    exemption = granted(alice)
    assert str(exemption) == f"exemption from two-factor authentication {exemption.pk}"
