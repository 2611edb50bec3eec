"""What the settings of the requirement can say wrongly is named, and what they say rightly is not."""

from __future__ import annotations

import datetime as dt

import pytest

from allauth_2fa.adapter import ENROLLMENT_STAGE, OTPAdapter
from allauth_2fa.factors.static import StaticFactor
from tests.checks.test_checks import ids

pytestmark = pytest.mark.django_db


class UnrequiringAdapter(OTPAdapter):
    """Leaves the stage out at which a device is set up."""

    def get_login_stages(self):
        """Return all others."""
        return [stage for stage in super().get_login_stages() if stage != ENROLLMENT_STAGE]


class HastyAdapter(OTPAdapter):
    """Has a device set up before the second factor is asked for."""

    def get_login_stages(self):
        """Return the stage first."""
        return [ENROLLMENT_STAGE, *(stage for stage in super().get_login_stages() if stage != ENROLLMENT_STAGE)]


def is_robot(_user):
    """Mean nobody."""
    return False


@pytest.mark.parametrize(
    "required",
    ["nobody", "everyone", "staff", ["superusers", "group:Accounting"], "tests.checks.test_requirement.is_robot", is_robot, []],
)
def test_what_means_somebody_is_silent(settings, required):
    settings.ALLAUTH_2FA_REQUIRED = required
    assert ids("E060") == ids("E008") == []


@pytest.mark.parametrize("required", ["nobdy", "", None, 7, ["staff", "no.such.rule"], "tests.checks.test_requirement.no_rule", True])
def test_what_means_nobody_that_is_known_is_named(settings, required):
    settings.ALLAUTH_2FA_REQUIRED = required
    assert ids("E060") == ["allauth_2fa.E060"]


@pytest.mark.parametrize(
    "rows",
    [
        {"everyone": ["recovery_codes"]},
        {"everyone": ["totp", "passkeys"]},
        {"everyone": "no factor"},
        {"everyone": []},
        {"stuff": ["totp"]},
        {("staff", "no.such.rule"): ["totp"]},
    ],
)
def test_a_row_of_factors_that_cannot_be_used_is_named(settings, rows):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["totp"], **rows}
    assert ids("E061") == ["allauth_2fa.E061"]


def test_rows_that_can_be_used_are_silent_and_those_that_are_no_rows_are_the_other_checks_business(settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {("staff", "group:Accounting"): ["totp"], "everyone": "totp"}
    assert ids("E061") == ids("W061") == []
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = ["totp"]
    assert ids("E061") == []
    assert ids("E008") == ["allauth_2fa.E008"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("REQUIRED_FACTORS", {"everyone": ["totp"]}), ("REQUIRED_FROM", dt.date(2026, 9, 1)), ("GRACE_PERIOD", 14)],
)
def test_a_setting_that_requires_nothing_of_anybody_is_named(settings, name, value):
    assert ids("W060") == []
    setattr(settings, f"ALLAUTH_2FA_{name}", value)
    assert ids("W060") == ["allauth_2fa.W060"]
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    assert ids("W060") == []


@pytest.mark.parametrize(("name", "value"), [("REQUIRED_FROM", "2026-09-01"), ("GRACE_PERIOD", -1), ("GRACE_PERIOD", None)])
def test_dates_that_are_none_are_named(settings, name, value):
    setattr(settings, f"ALLAUTH_2FA_{name}", value)
    assert ids("E008") == ["allauth_2fa.E008"]


class Ring(StaticFactor):
    """A kind that users are given."""

    id, primary = "ring", True


def test_what_users_cannot_add_themselves_is_named(settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "tests.checks.test_requirement.Ring"]
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["ring"], "everyone": ["ring", "totp"]}
    assert ids("W061") == ["allauth_2fa.W061"]


@pytest.mark.parametrize("adapter", ["UnrequiringAdapter", "HastyAdapter"])
def test_a_stage_that_is_missing_or_too_early_is_named_where_anything_is_required(settings, adapter):
    settings.ACCOUNT_ADAPTER = f"tests.checks.test_requirement.{adapter}"
    assert ids("E062") == []
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    assert ids("E062") == ["allauth_2fa.E062"]


def test_without_the_other_stage_the_other_check_speaks(settings):
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    settings.ACCOUNT_ADAPTER = "tests.checks.test_checks.StagelessAdapter"
    assert ids("E062") == []
    assert ids("E002") == ["allauth_2fa.E002"]
