"""How many users stand where towards the requirement: as the policy says of each."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import product

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.requirement import policy, report

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _few_at_a_time(monkeypatch):
    monkeypatch.setattr(report, "CHUNK", 7)


@pytest.fixture
def company():
    """People of every kind: with a factor and without, exempt, spared once, told of it long ago or just now."""
    now, accounting = timezone.now(), Group.objects.create(name="Accounting")
    users = [User.objects.create(username=f"user{number}", is_staff=number % 2 == 0, is_superuser=number % 5 == 0) for number in range(40)]
    for number, user in enumerate(users):
        if number % 3 == 0:
            user.groups.add(accounting)
        if number % 4 == 0:
            TOTPDevice.objects.create(user=user, confirmed=number % 8 == 0)
        if number % 7 == 0:
            Exemption.objects.create(user=user, reason="robot", expires_at=now + dt.timedelta(days=1), ended_at=now if number % 2 else None)
        if number % 6 == 0:
            Exemption.objects.create(user=user, reason="robot", expires_at=now - dt.timedelta(days=1))
        if number % 5 == 1:
            FirstMet.objects.create(user=user, since=now - dt.timedelta(days=number))
    return users


ROWS = [{}, {"superusers": ["totp"]}, {"group:Accounting": [], "everyone": "totp"}, {("staff", "group:None"): ["hotp"]}]


def broken(_user):
    """Break."""
    raise RuntimeError


@pytest.mark.parametrize("required", ["nobody", "everyone", "staff", ["superusers", "group:Accounting"], broken, [broken, "staff"]])
def test_the_count_agrees_with_the_policy_about_each_user(company, settings, required):
    settings.ALLAUTH_2FA_REQUIRED = required
    for rows, grace, days in product(ROWS, [0, 14], [None, -1, 30]):
        settings.ALLAUTH_2FA_REQUIRED_FACTORS, settings.ALLAUTH_2FA_GRACE_PERIOD = rows, grace
        settings.ALLAUTH_2FA_REQUIRED_FROM = None if days is None else timezone.now() + dt.timedelta(days=days)
        expected = Counter(policy.requirement_of(user, note=False).status for user in company)
        counts = report.count(User.objects.all())
        assert {status: number for status, number in counts.items() if number} == expected, (rows, grace, days)
        assert list(counts) == ["free", "exempt", "satisfied", "grace", "due"]


def test_the_queries_do_not_grow_with_the_users_of_a_chunk(company, settings, django_assert_max_num_queries):
    settings.ALLAUTH_2FA_REQUIRED = "group:Accounting"
    # For each of the six chunks: where it ends, the users, the devices, exemptions, grace periods, and the group.
    with django_assert_max_num_queries(6 * 6):
        report.count(User.objects.all())


def test_a_user_model_without_groups_is_held_to_what_is_said_of_them():
    class Bare:
        pk = 1

    bare = report._Standing(User.objects.none())
    bare.keys = [1]
    assert bare._entry_means("group:Accounting", Bare())
