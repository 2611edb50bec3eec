"""The doctor prints the wiring whatever is broken, and nothing that is secret."""

from __future__ import annotations

import json
import secrets
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import override_settings
from django.urls import include, path
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import app_settings
from allauth_2fa.checks import wiring
from allauth_2fa.encryption import cipher
from allauth_2fa.factors import registry
from allauth_2fa.management import doctor
from tests.checks.test_checks import middleware, urls
from tests.checks.views import by_name
from tests.contracts.test_documents import first_columns, page

pytestmark = pytest.mark.django_db

OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
SECRET = "correct horse that nobody may read"


def examine(*options):
    """Run the command, and return what it prints and its status."""
    printed = StringIO()
    try:
        call_command("allauth_2fa_doctor", *options, stdout=printed)
    except SystemExit as end:
        return printed.getvalue(), end.code
    return printed.getvalue(), 0


def examine_as_json(*options):
    printed, _status = examine("--json", *options)
    return json.loads(printed)


def test_a_site_in_order_has_every_part_and_ends_well():
    printed, status = examine()
    assert status == 0
    sections = [line.removeprefix("## ") for line in printed.splitlines() if line.startswith("## ")]
    assert sections == [
        *("versions", "databases", "settings", "apps", "middleware", "login", "factors", "urls"),
        *("sessions", "caches", "login_views", "used_login_views", "checks"),
    ]
    assert doctor.UNREADABLE not in printed
    assert "django-allauth: 65." in printed
    assert "4. allauth_2fa.stages.TwoFactorStage" in printed
    assert "two-factor-overview: /accounts/two-factor/factors/" in printed
    assert "logins/django/ | django.contrib.auth.views.LoginView | logs in by a session | covered" in printed
    assert printed.rstrip().splitlines()[-1].startswith("errors: 0, warnings: ")


def test_the_json_says_the_same():
    found = examine_as_json()
    ours = [f"allauth_2fa.stages.{name}" for name in ("TwoFactorStage", "TrustStage", "EnrollmentStage")]
    assert found["login"]["stages"][-3:] == ours
    assert found["factors"][0] == {
        "factor": "totp",
        "model": "django_otp.plugins.otp_totp.models.TOTPDevice",
        "role": "second factor",
    }
    assert {"totp", "recovery_codes", "static"} <= {entry["factor"] for entry in found["factors"]}
    assert found["caches"] == {"default": "django.core.cache.backends.locmem.LocMemCache"}
    assert [entry["guard"] for entry in found["login_views"]] == ["covered"] * len(found["login_views"])


def test_an_error_ends_with_status_1(settings):
    settings.MIDDLEWARE = middleware(settings, without=[OURS])
    printed, status = examine()
    assert status == 1
    assert "E005 | error | The guard is missing" in printed
    assert "NOT covered" in printed
    assert "errors: 1" in printed


def test_an_error_that_was_silenced_does_not(settings):
    settings.MIDDLEWARE = middleware(settings, without=[OURS])
    settings.SILENCED_SYSTEM_CHECKS = ["allauth_2fa.E005"]
    printed, status = examine()
    assert status == 0
    assert "E005 | silenced" in printed


def test_a_site_that_is_broken_is_printed_all_the_same(settings):
    settings.ACCOUNT_ADAPTER = "no.such.Adapter"
    printed, status = examine()
    assert status == 1
    assert printed.count(doctor.UNREADABLE) == 2
    assert "could not be read: ModuleNotFoundError" in printed
    assert "django_otp.middleware.OTPMiddleware" in printed


def test_without_our_pages_the_names_have_no_url():
    class Bare:
        urlpatterns = [path("accounts/", include("allauth.urls"))]

    with override_settings(ROOT_URLCONF=Bare):
        found = examine_as_json()
    assert set(found["urls"].values()) == {"(no URL)"}
    assert "E007" in {entry["id"] for entry in found["checks"]}


def test_without_a_login_view_the_part_is_there_and_empty():
    with override_settings(ROOT_URLCONF=urls()):
        printed, _status = examine()
    assert "## login_views\n  (none)\n" in printed


def test_settings_are_shown_where_they_differ(settings):
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 8
    settings.ALLAUTH_2FA_MAX_DEVICES = 10
    settings.ALLAUTH_2FA_BACKUP_TOKEN_NUMBER = SECRET
    assert examine_as_json()["settings"] == {
        "ALLAUTH_2FA_BACKUP_TOKENS_NUMBER": "8",
        "ALLAUTH_2FA_BACKUP_TOKEN_NUMBER": "(not a setting of this package)",
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SOME_KEYS", [SECRET, SECRET], "(2 entries, not shown)"),
        ("SOME_KEYS", SECRET, "(not shown)"),
        ("SOME_SECRET", 7, "(not shown)"),
        ("SOME_RULE", by_name, "tests.checks.views.by_name"),
        ("SOME_LIST", ["x" * 1000], "['" + "x" * 198),
    ],
)
def test_a_secret_setting_is_counted_and_a_function_is_named(settings, name, value, expected):
    setattr(settings, f"ALLAUTH_2FA_{name}", value)
    assert doctor.shown(app_settings.Setting(name, list, list, "")) == expected


def test_encryption_keys_are_counted_and_called_by_their_ids(settings):
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [secrets.token_urlsafe(32), secrets.token_urlsafe(32)]
    first, second = (key.id for key in cipher.site_keys())
    assert examine_as_json()["settings"] == {"ALLAUTH_2FA_ENCRYPTION_KEYS": f"(2 entries, not shown: {first}, {second})"}
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = ["weak"]
    assert examine_as_json()["settings"] == {"ALLAUTH_2FA_ENCRYPTION_KEYS": "(1 entries, not shown)"}


@pytest.mark.parametrize("option", ["--json", "--counts"])
def test_nothing_secret_and_nothing_of_a_user_is_printed(settings, alice, phone, option):
    settings.SECRET_KEY = SECRET
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": f"redis://:{SECRET}@cache.example"}
    }
    settings.SECRET_KEY_FALLBACKS = [SECRET]
    settings.SESSION_COOKIE_DOMAIN = "shop.example"
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [SECRET]
    printed, _status = examine(option)
    for hidden in (SECRET, "cache.example", "shop.example", alice.username, alice.email, phone.key, phone.name, alice.password):
        assert hidden not in printed, hidden


def test_a_database_that_cannot_be_reached_is_named_by_its_error_alone():
    class Unreachable:
        def get_database_version(self):
            raise OperationalError(SECRET)

    assert doctor.server_version(Unreachable()) == "(could not be read: OperationalError)"


def test_users_are_counted_on_request_alone(alice, bob, staff, phone):
    TOTPDevice.objects.create(user=alice, name="Second")
    TOTPDevice.objects.create(user=bob, confirmed=False)
    registry.recovery.renew(alice, 1)
    assert "users" not in examine_as_json()
    assert examine_as_json("--counts")["users"] == {"all": 3, "with a factor": 1, "totp": 1, "recovery_codes": 1, "static": 0}


def test_a_package_that_is_not_installed_is_left_out():
    assert "no-such-package" not in doctor.versions()
    assert doctor.installed_version("no-such-package") == ""


def test_a_secret_that_is_wrong_is_not_shown_by_the_checks_either():
    message = wiring.wrong_setting(app_settings.Setting("SOME_KEYS", list, list, ""), SECRET)
    assert SECRET not in str(message)


def test_each_part_is_documented():
    assert first_columns(page("doctor"), "| part |") == list(doctor.report(counts=True))
