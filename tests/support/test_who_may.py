"""Who may touch whose second factor: staff, superusers, commands, and nobody else."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied

from allauth_2fa import support
from allauth_2fa.devices import staff
from allauth_2fa.models.audit import AuditEntry

ALICE, STAFF = User(pk=1, username="alice"), User(pk=2, username="staff", is_staff=True)
CHIEF, OTHER_CHIEF = User(pk=3, username="chief", is_superuser=True), User(pk=4, username="other", is_superuser=True)


@pytest.mark.parametrize(
    ("actor", "user", "may"),
    [
        (STAFF, ALICE, True),
        (STAFF, CHIEF, False),
        (CHIEF, ALICE, True),
        (OTHER_CHIEF, CHIEF, True),
        (AnonymousUser(), ALICE, False),
        (AnonymousUser(), CHIEF, False),
        (None, ALICE, False),
        (User(username="unsaved"), CHIEF, False),
    ],
)
def test_only_a_superuser_touches_a_superusers_and_a_visitor_nobodys(actor, user, may):
    assert staff.may(actor, user) is may


def test_a_command_may_do_it_for_everybody():
    assert staff.may(staff.console(), ALICE)
    assert staff.may(staff.console(), CHIEF)


def test_a_command_may_where_users_have_keys_of_their_own_making(monkeypatch):
    class Person:
        """A model whose keys are made by itself, and which has no superusers."""

        USERNAME_FIELD = "name"
        is_authenticated = True

        def __init__(self, name):
            self.name, self.pk = name, uuid.uuid4()

    monkeypatch.setattr(staff, "get_user_model", lambda: Person)
    assert staff.console().pk is None
    assert staff.may(staff.console(), CHIEF)


@pytest.mark.django_db
def test_a_visitor_resets_nobody(alice, phone):
    with pytest.raises(PermissionDenied):
        support.reset(alice, AnonymousUser(), "lost phone")
    assert type(phone).objects.exists()
    assert not AuditEntry.objects.exists()
