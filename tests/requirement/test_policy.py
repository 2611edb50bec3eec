"""What the policy says of a user, asked directly."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models.exemptions import Exemption, FirstMet
from allauth_2fa.requirement import policy

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _required(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"


def exempt(user, days):
    return Exemption.objects.create(user=user, reason="robot", expires_at=timezone.now() + dt.timedelta(days=days))


def test_each_status_by_its_name(alice, settings):
    assert policy.requirement_of(alice) == policy.Requirement("due", registry.primaries())
    settings.ALLAUTH_2FA_GRACE_PERIOD = 7
    grace = policy.requirement_of(alice)
    assert grace.status == "grace"
    assert grace.due_at - grace.since == dt.timedelta(days=7)
    assert grace.days_left == 7
    exempt(alice, 1)
    assert policy.requirement_of(alice).status == "exempt"
    TOTPDevice.objects.create(user=alice)
    assert policy.requirement_of(alice).status == "satisfied"
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    assert policy.requirement_of(alice) is policy.FREE


def test_an_unconfirmed_device_and_another_users_device_satisfy_nothing(alice, bob):
    TOTPDevice.objects.create(user=alice, confirmed=False)
    TOTPDevice.objects.create(user=bob)
    registry.recovery.renew(alice, 3)
    assert policy.requirement_of(alice).is_due


def test_somebody_else_may_say_who_is_required(alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    assert policy.requirement_of(alice, required=True).is_due
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert policy.requirement_of(alice, required=False) is policy.FREE


def test_a_user_who_only_looks_begins_no_grace_period(alice, settings):
    settings.ALLAUTH_2FA_GRACE_PERIOD = 7
    assert policy.requirement_of(alice, note=False).days_left == 7
    assert not FirstMet.objects.exists()
    since = timezone.now() - dt.timedelta(days=3)
    row = FirstMet.objects.create(user=alice, since=since)
    assert policy.requirement_of(alice, note=False).since == since
    assert str(row) == f"beginning of a grace period {row.pk}"


def test_the_first_row_that_means_a_user_says_which_factors_will_do(alice, staff, settings):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["passkey"], "everyone": ["totp"]}
    assert policy.factors_for(alice) == (registry.totp,)
    assert policy.factors_for(staff) == ()
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"staff": "totp"}
    assert policy.factors_for(staff) == (registry.totp,)
    assert policy.factors_for(alice) == registry.primaries()


def test_a_session_is_surely_satisfied_by_the_factor_that_each_row_that_may_mean_its_user_names(alice, phone, settings):
    alice.otp_device = phone
    assert policy.is_sure(alice)
    for rows, sure in [
        ({"superusers": []}, True),
        ({"everyone": ["totp"], "staff": []}, True),
        ({"everyone": []}, False),
        ({"group:Chiefs": [], "everyone": ["totp"]}, False),
        ({"group:Chiefs": ["totp"]}, True),
    ]:
        settings.ALLAUTH_2FA_REQUIRED_FACTORS = rows
        assert policy.is_sure(alice) == sure, rows


def test_a_rule_that_breaks_is_told_of_in_the_log_and_means_everybody(alice, caplog):
    def broken(_user):
        raise LookupError

    with caplog.at_level(logging.ERROR, "allauth_2fa.policy"):
        assert policy.means(["staff", broken], alice)
        assert policy.means("group:", alice) is False
    assert "cannot be asked about user" in caplog.text


def test_where_a_user_model_has_no_such_column_the_word_means_everybody():
    class Bare:
        pk = 1

    assert policy.means("staff", Bare())


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        (dt.date(2026, 9, 1), dt.datetime(2026, 8, 31, 22, tzinfo=dt.UTC)),
        (dt.datetime(2026, 9, 1, 8), dt.datetime(2026, 9, 1, 6, tzinfo=dt.UTC)),  # noqa: DTZ001 - as people write it
        (dt.datetime(2026, 9, 1, 8, tzinfo=dt.UTC), dt.datetime(2026, 9, 1, 8, tzinfo=dt.UTC)),
        (None, None),
    ],
)
def test_a_day_begins_in_the_time_zone_of_the_site(settings, said, moment):
    settings.TIME_ZONE = "Europe/Berlin"
    settings.ALLAUTH_2FA_REQUIRED_FROM = said
    assert policy.required_from() == moment


@pytest.mark.parametrize("said", [dt.date(2026, 9, 1), dt.datetime(2026, 8, 31, 22, tzinfo=dt.UTC)])
def test_a_site_without_time_zones_has_days_of_its_own(settings, said):
    settings.TIME_ZONE, settings.USE_TZ = "Europe/Berlin", False
    settings.ALLAUTH_2FA_REQUIRED_FROM = said
    assert policy.required_from() == dt.datetime(2026, 9, 1)  # noqa: DTZ001 - such a site has no others


def test_a_user_who_has_no_second_factor_left_to_keep_may_remove_what_there_is(alice, phone, settings):
    assert not policy.may_remove(phone)
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    assert policy.may_remove(phone)
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    assert policy.may_remove(phone)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    exempt(alice, 1)
    assert policy.may_remove(phone)
