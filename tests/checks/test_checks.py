"""Each way in which the wiring can be wrong makes its check fire, and the right wiring keeps it silent."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import pytest
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.views import LoginView as AllauthLoginView
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.views import LoginView
from django.core.checks import registry, run_checks
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from allauth_2fa import checks, compat
from allauth_2fa.adapter import STAGE, OTPAdapter
from allauth_2fa.admin import secure_admin_site
from allauth_2fa.stages import TwoFactorStage

# Checks of Django's own, of JSON fields among others, ask the database what it can do.
pytestmark = pytest.mark.django_db

OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
OTP = "django_otp.middleware.OTPMiddleware"
KEY = "a key of the checks alone, 0246813579"


class StrangerAdapter(DefaultAccountAdapter):
    """Knows nothing of a second factor."""


class OldAdapter(OTPAdapter):
    """Overrides what 0.x called."""

    def stash_pending_login(self, request, user, login_kwargs):
        """Keep the login in a way of its own."""


class StagelessAdapter(OTPAdapter):
    """Forgets what super() returns."""

    def get_login_stages(self):
        """Return allauth's stages alone."""
        return ["allauth.account.stages.EmailVerificationStage"]


class EarlyAdapter(OTPAdapter):
    """Asks for the second factor first."""

    def get_login_stages(self):
        """Return our stage at the front."""
        stages = super().get_login_stages()
        return [STAGE, *(stage for stage in stages if stage != STAGE)]


class TwinStage(TwoFactorStage):
    """Has the key of ours."""


class TwinAdapter(OTPAdapter):
    """Brings in a second stage with our key."""

    def get_login_stages(self):
        """Return one stage too many."""
        return [*super().get_login_stages(), "tests.checks.test_checks.TwinStage"]


class GuardOfTheProject(__import__("allauth_2fa.middleware", fromlist=["x"]).AllauthTwoFactorMiddleware):
    """A subclass counts as the guard."""


def view(request):
    """Answer anything."""
    return HttpResponse()


def ids(only: str | None = None) -> list[str]:
    """Return the ids of this package's messages."""
    found = [message.id for message in run_checks() if (message.id or "").startswith("allauth_2fa.")]
    return [one for one in found if only is None or one.endswith(only)]


def middleware(settings, *, without=(), first=()):
    """Return the test project's middleware, changed."""
    return [*first, *(entry for entry in settings.MIDDLEWARE if entry not in (*without, *first))]


def urls(*patterns):
    """Return a URLconf of this moment: the patterns after those of the installation."""

    class Urlconf:
        urlpatterns = [path("two-factor/", include("allauth_2fa.urls")), path("accounts/", include("allauth.urls")), *patterns]

    return Urlconf


def test_the_installation_of_0x_draws_no_error():
    assert [one for one in ids() if one.startswith("allauth_2fa.E")] == []


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [
        ("StrangerAdapter", "E001"),
        ("OldAdapter", "W001"),
        ("StagelessAdapter", "E002"),
        ("EarlyAdapter", "E003"),
        ("TwinAdapter", "E004"),
    ],
)
def test_an_adapter_that_is_wrong_is_named(settings, adapter, expected):
    assert ids(expected) == []
    settings.ACCOUNT_ADAPTER = f"tests.checks.test_checks.{adapter}"
    assert ids(expected) == [f"allauth_2fa.{expected}"]


def test_an_allauth_that_decides_without_us_is_named(monkeypatch):
    assert ids("E020") == []
    monkeypatch.setattr(compat.reauthentication, "is_reauthentication_required", lambda _request, *, app: False)
    assert ids("E020") == ["allauth_2fa.E020"]


def test_a_missing_guard_is_named(settings):
    assert ids("E005") == []
    settings.MIDDLEWARE = middleware(settings, without=[OURS])
    assert ids("E005") == ["allauth_2fa.E005"]


def test_a_subclass_of_the_guard_will_do(settings):
    settings.MIDDLEWARE = [entry.replace(OURS, "tests.checks.test_checks.GuardOfTheProject") for entry in settings.MIDDLEWARE]
    assert ids("E005") == ids("E006") == []


@pytest.mark.parametrize(
    "needed",
    [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        OTP,
    ],
)
def test_what_the_guard_stands_on_must_stand_before_it(settings, needed):
    assert ids("E006") == []
    settings.MIDDLEWARE = middleware(settings, without=[needed])
    assert ids("E006") == ["allauth_2fa.E006"]
    settings.MIDDLEWARE.append(needed)
    assert ids("E006") == ["allauth_2fa.E006"]


def test_missing_urls_are_named(settings):
    assert ids("E007") == []

    class Bare:
        urlpatterns = [path("accounts/", include("allauth.urls"))]

    with override_settings(ROOT_URLCONF=Bare):
        assert ids("E007") == ["allauth_2fa.E007"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLAUTH_2FA_BACKUP_TOKENS_NUMBER", 0),
        ("ALLAUTH_2FA_BACKUP_TOKENS_NUMBER", "3"),
        ("ALLAUTH_2FA_BACKUP_TOKENS_NUMBER", True),
        ("ALLAUTH_2FA_FORMS", []),
        ("ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL", "no"),
        ("ALLAUTH_2FA_GUARD_RECHECK", -1),
        ("ALLAUTH_2FA_ENCRYPTION_KEYS", KEY),
    ],
)
def test_a_setting_that_holds_what_it_cannot_is_named(settings, name, value):
    assert ids("E008") == []
    setattr(settings, name, value)
    assert ids("E008") == ["allauth_2fa.E008"]


def test_a_misspelt_setting_is_named(settings):
    assert ids("W002") == []
    settings.ALLAUTH_2FA_BACKUP_TOKEN_NUMBER = 5
    settings.ALLAUTH_2FA_FORMS = {"login": "x.Y"}
    assert ids("W002") == ["allauth_2fa.W002"] * 2


def test_an_event_that_is_not_mailed_anyway_is_named(settings):
    settings.ALLAUTH_2FA_NOTIFY = {"device_renamed": False, "challenge_passed": False, "nonsense": False, 7: True}
    assert ids("W002") == ["allauth_2fa.W002"] * 3
    settings.ALLAUTH_2FA_NOTIFY = ["device_renamed"]
    assert ids("W002") == []
    assert ids("E008") == ["allauth_2fa.E008"]


def test_passkeys_that_are_to_sign_in_and_are_not_installed_are_named(settings):
    assert ids("E011") == []
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = True
    assert ids("E011") == ["allauth_2fa.E011"]


@pytest.mark.parametrize("factors", [["no.such.factor"], ["tests.checks.test_checks.TwinStage"], ["recovery_codes"], ["no.such.Factor"]])
def test_factors_that_cannot_be_used_are_named(settings, factors):
    assert ids("E010") == []
    settings.ALLAUTH_2FA_FACTORS = factors
    assert ids("E010") == ["allauth_2fa.E010"]
    settings.ALLAUTH_2FA_FACTORS = ["recovery_codes", "totp"]
    assert ids("E010") == []


@pytest.mark.parametrize(("keys", "number"), [(["short"], 1), ([KEY, "a" * 50, None], 2), ([KEY, KEY], 1)])
def test_keys_that_cannot_be_used_are_named(settings, keys, number):
    assert ids("E012") == []
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = keys
    assert ids("E012") == ["allauth_2fa.E012"] * number
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [KEY]
    assert ids("E012") == ids("E013") == []


def test_keys_without_the_library_are_named(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [f"{KEY}, and nobody has used it yet"]
    assert ids("E013") == ["allauth_2fa.E013"]


def test_readable_secrets_are_named_when_the_site_is_deployed(settings):
    def found():
        return [message.id for message in run_checks(include_deployment_checks=True) if message.id == "allauth_2fa.W007"]

    assert ids("W007") == []
    assert found() == ["allauth_2fa.W007"]
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = [KEY]
    assert found() == []


@pytest.mark.parametrize("factor", ["email", "hotp", "sms", "yubikey"])
def test_a_factor_whose_app_is_missing_is_named(settings, factor):
    assert ids("E021") == []
    settings.ALLAUTH_2FA_FACTORS = ["totp", factor]
    assert ids("E021") == ["allauth_2fa.E021"]
    assert ids("E010") == []


def test_factors_that_are_no_list_are_named_once(settings):
    settings.ALLAUTH_2FA_FACTORS = "email"
    assert ids("E021") == []
    assert ids("E008") == ["allauth_2fa.E008"]


def test_settings_of_django_otps_mails_are_named_where_they_are_not_read(settings):
    settings.OTP_EMAIL_SUBJECT = "Your code: {token}"
    settings.OTP_EMAIL_BODY_TEMPLATE = "{{ token }}"
    assert ids("W020") == []
    settings.ALLAUTH_2FA_FACTORS = ["totp", "email"]
    assert ids("W020") == ["allauth_2fa.W020"] * 2


def test_two_steps_by_mail_are_named(settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "email"]
    assert ids("W021") == []
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    assert ids("W021") == ["allauth_2fa.W021"]
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert ids("W021") == []


def test_codes_in_the_log_are_nobodys_where_there_are_none(settings):
    settings.OTP_TWILIO_NO_DELIVERY = True
    assert ids("W022") == []


def test_sessions_in_signed_cookies_are_named(settings):
    assert ids("W003") == []
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert ids("W003") == ["allauth_2fa.W003"]


def test_a_cache_that_cannot_count_is_named(settings):
    assert ids("W004") == []
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ids("W004") == ["allauth_2fa.W004"]


def test_an_admin_site_with_a_login_form_of_its_own_is_named():
    with override_settings(ROOT_URLCONF=urls(path("admin/", admin.AdminSite("own").urls))):
        assert ids("W005") == ["allauth_2fa.W005"]


def test_an_admin_site_that_sends_its_logins_elsewhere_is_not():
    secured, wrapped = secure_admin_site(admin.AdminSite("secured")), admin.AdminSite("wrapped")
    wrapped.login = staff_member_required(wrapped.login, login_url="/accounts/login")
    with override_settings(ROOT_URLCONF=urls(path("a/", secured.urls), path("b/", wrapped.urls))):
        assert ids("W005") == []


def test_a_login_view_of_another_package_is_named():
    with override_settings(ROOT_URLCONF=urls(path("logins/", LoginView.as_view()), path("view/", view))):
        assert ids("W006") == ["allauth_2fa.W006"]


def test_a_login_view_of_allauth_is_not():
    with override_settings(ROOT_URLCONF=urls(path("logins/", AllauthLoginView.as_view()))):
        assert ids("W006") == []


def test_the_login_of_django_otp_webauthn_is_named():
    class BeginCredentialAuthenticationView(AllauthLoginView):
        """Stands in for a class of that module: the package itself is optional."""

    BeginCredentialAuthenticationView.__module__ = "django_otp_webauthn.views"
    login_view = path("logins/", BeginCredentialAuthenticationView.as_view())
    with override_settings(ROOT_URLCONF=urls(login_view)):
        assert ids("E009") == ["allauth_2fa.E009"]
    with override_settings(ROOT_URLCONF=urls(path("other/", view))):
        assert ids("E009") == []


def test_each_check_is_registered():
    modules = [import_module(f"{checks.__name__}.{module.name}") for module in pkgutil.iter_modules(checks.__path__)]
    written = {f"{module.__name__.rpartition('.')[2]}.{name}" for module in modules for name in vars(module) if name.startswith("check_")}
    listed = [name for names in (*checks.CHECKS.values(), checks.DEPLOYMENT) for name in names]
    assert len(listed) == len(set(listed))
    assert set(listed) == written


def test_each_check_is_registered_once_also_where_the_app_becomes_ready_again():
    before = registry.registry.registered_checks.copy()
    apps.get_app_config("allauth_2fa").ready()
    assert registry.registry.registered_checks == before
