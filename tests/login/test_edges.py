"""What the journeys do not come by: logins without a user, devices that went in between, callers other than the pages."""

from __future__ import annotations

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import Login
from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.db import SessionStore
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import compat
from allauth_2fa.admin import register
from allauth_2fa.answers import verify
from allauth_2fa.apps import AllauthTwoFactorConfig
from allauth_2fa.devices import enrollment, sending
from allauth_2fa.devices.enrollment import FirstCode
from allauth_2fa.exceptions import EnrollmentEnded, LoginEnded, NothingEnrolled, SendsNoCodes, Throttled, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.forms import AddDeviceForm
from allauth_2fa.login import challenge, guard, pending
from allauth_2fa.middleware import BaseRequire2FAMiddleware
from allauth_2fa.models import DeviceOptions, RecoveryDevice, SessionsEnd
from allauth_2fa.stages import EnrollmentStage, TwoFactorStage
from allauth_2fa.state.pending import PendingLogin
from allauth_2fa.state.request import request_state
from allauth_2fa.state.session import STOPPED_SESSION_KEY, SessionState
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from allauth_2fa.views import TwoFactorSetup
from tests.cast import code_of, give_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_nobody(rf):
    request = rf.get("/")
    request.session, request.user = SessionStore(), AnonymousUser()
    return request


@pytest.mark.parametrize("refusal", [Throttled(), TooSoon()])
def test_a_time_that_is_not_known_is_not_told(refusal):
    assert refusal.message.endswith(("and try again.", "ask for another."))


@pytest.mark.parametrize("stage", [TwoFactorStage, EnrollmentStage])
@pytest.mark.parametrize("is_active", [None, False])
def test_a_stage_without_a_user_who_can_log_in_ends_the_login(request_of_nobody, alice, is_active, stage):
    """allauth pretends logins, so as not to tell which accounts there are."""
    alice.is_active = bool(is_active)
    login = Login(user=None if is_active is None else alice)
    controller = compat.LoginStageController(request_of_nobody, login)
    response, lives_on = stage(controller, request_of_nobody, login).handle()
    assert (response["Location"], lives_on) == (reverse("account_login"), False)


def test_a_login_of_nobody_is_not_held(request_of_nobody):
    with pytest.raises(LoginEnded):
        pending.begin(request_of_nobody, Login(user=None), PendingLogin({}))


def test_a_login_of_somebody_else_has_passed_nothing(request_of_nobody, alice, bob):
    assert challenge.passed_state(request_of_nobody, alice) is None
    request_state(request_of_nobody).login = Login(user=bob)
    assert challenge.passed_state(request_of_nobody, alice) is None


def test_a_device_of_no_factor_judges_nothing(alice):
    with pytest.raises(NothingEnrolled):
        verify.answer(alice, "123456", devices=[object()])


def test_without_a_device_the_login_is_over(alice):
    with pytest.raises(LoginEnded):
        verify.answer(alice, "123456")


def test_nothing_is_sent_for_a_device_that_sends_nothing(alice, phone):
    with pytest.raises(SendsNoCodes):
        sending.send(None, alice, phone.persistent_id, {})


def test_a_setup_without_a_waiting_device_has_ended(alice):
    with pytest.raises(EnrollmentEnded):
        enrollment.waiting(alice)


def test_a_device_that_went_before_it_was_confirmed_ends_the_setup(alice):
    device = registry.totp.begin(alice)
    code = code_of(device)
    TOTPDevice.objects.all().delete()
    with pytest.raises(EnrollmentEnded):
        enrollment.complete(device, FirstCode(code), only_as_first=True)


def test_a_device_that_was_confirmed_while_its_secret_was_replaced_keeps_it(alice, request_of_nobody, monkeypatch):
    device = registry.totp.begin(alice)

    def confirmed_meanwhile(row):
        TOTPDevice.objects.filter(pk=row.pk).update(confirmed=True)
        return type(registry.totp).replace_secret(registry.totp, row)

    monkeypatch.setattr(registry.totp, "replace_secret", confirmed_meanwhile)
    with pytest.raises(EnrollmentEnded):
        enrollment.begin(request_of_nobody, alice, enrollment.apps_of(alice), new_secret=True)
    assert TOTPDevice.objects.get().key == device.key


def test_a_login_that_is_announced_without_a_request_is_nobodys_business(alice, phone, rf):
    user_logged_in.send(sender=type(alice), request=None, user=alice)
    user_logged_in.send(sender=type(alice), request=rf.get("/"), user=alice)


def test_a_login_that_has_timed_out_is_not_led_on(request_of_nobody):
    assert guard.lead_on(request_of_nobody, "/") is None


def test_the_test_client_takes_no_foreign_or_unconfirmed_device(client, alice, bob):
    theirs = TOTPDevice.objects.create(user=bob)
    waiting = TOTPDevice.objects.create(user=alice, confirmed=False)
    for device in (theirs, waiting):
        with pytest.raises(ValueError, match="confirmed one of the user's own"):
            login_verified(client, alice, device)


def test_the_test_client_takes_a_recovery_device(client, alice, phone):
    registry.recovery.renew(alice, 1)
    device = login_verified(client, alice, RecoveryDevice.objects.get())
    assert client.session["otp_device_id"] == device.persistent_id


def test_a_site_without_a_page_for_the_password_has_none_to_lead_to(monkeypatch):
    def nowhere(name):
        raise NoReverseMatch(name)

    monkeypatch.setattr(compat, "reverse", nowhere)
    assert compat.password_reauthentication_url() is None


def test_a_project_without_urls_is_checked_all_the_same(settings):
    settings.ROOT_URLCONF = ""
    assert not [message for message in run_checks(tags=["security"]) if message.id == "allauth_2fa.W006"]


def test_an_adapter_that_is_asked_to_log_in_past_the_stages_does_so_and_the_guard_looks(request_of_nobody, bob, alice, phone):
    for user, shown in ((bob, bob), (alice, None)):
        get_adapter().login(request_of_nobody, user)
        assert (request_of_nobody.user if request_of_nobody.user.is_authenticated else None) == shown


def test_a_session_that_was_stopped_hands_nothing_on_to_the_next_user(request_of_nobody, alice, bob, phone):
    request_of_nobody.session.update({STOPPED_SESSION_KEY: str(alice.pk), "cart": ["hers"], "_auth_user_id": "x"})
    guard.on_user_logged_in(request_of_nobody, bob)
    assert "cart" not in request_of_nobody.session
    assert STOPPED_SESSION_KEY not in request_of_nobody.session


def test_an_authenticator_of_allauth_mfa_that_was_just_set_up_is_remembered(request_of_nobody, bob):
    AllauthTwoFactorConfig.on_mfa_added(request_of_nobody, bob)
    assert SessionState(request_of_nobody.session, bob).is_proved_by_mfa


def test_what_is_not_installed_is_named(settings, monkeypatch):
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "django_otp.plugins.otp_static")
    with pytest.raises(ImproperlyConfigured, match=r"needs these in INSTALLED_APPS: django_otp\.plugins\.otp_static$"):
        apps.get_app_config("allauth_2fa").ready()


def test_without_messages_the_setup_is_required_in_silence(request_of_nobody, settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django.contrib.messages"]
    assert BaseRequire2FAMiddleware(lambda _request: None).on_require_2fa(request_of_nobody)["Location"] == reverse("two-factor-setup")


def test_a_setup_beside_a_confirmed_device_has_ended(alice, phone, request_of_nobody):
    with pytest.raises(EnrollmentEnded):
        enrollment.begin(request_of_nobody, alice, enrollment.apps_of(alice))


def test_a_setup_that_another_request_has_finished_is_loaded_again_and_leads_on(client, alice, monkeypatch):
    ask = TwoFactorSetup.ask_for_proof

    def finished_meanwhile(view, request, **facts):
        TOTPDevice.objects.update(confirmed=True)
        return ask(view, request, **facts)

    monkeypatch.setattr(TwoFactorSetup, "ask_for_proof", finished_meanwhile)
    TOTPDevice.objects.create(user=alice, confirmed=False)
    give_password(client, alice)
    response = client.get(reverse("two-factor-setup"))
    assert response["Location"] == reverse("two-factor-setup")
    assert client.get(response["Location"])["Location"] == reverse("two-factor-backup-tokens")


def test_a_form_without_a_device_that_waits_confirms_nothing(alice):
    form = AddDeviceForm(alice, None, None, ChallengeStore({}), data={"otp_token": "123456"})
    assert not form.is_valid()
    assert form.errors.as_data()["otp_token"][0].code == "ended"


def test_a_device_of_no_factor_is_not_confirmed(alice, phone, monkeypatch):
    monkeypatch.setattr(registry, "factor_of", lambda _device: None)
    with pytest.raises(EnrollmentEnded):
        enrollment.complete(phone, FirstCode("123456"), only_as_first=False)


def test_a_setup_whose_secret_is_gone_has_ended(alice, monkeypatch):
    TOTPDevice.objects.create(user=alice, confirmed=False)

    def gone(_factor, _device, _answer):
        raise NothingEnrolled

    monkeypatch.setattr(type(registry.totp), "check", gone)
    with pytest.raises(EnrollmentEnded):
        enrollment.check(enrollment.waiting(alice), "123456")


def test_rows_say_what_they_are(alice, phone):
    assert str(DeviceOptions(user=alice, device=phone.persistent_id)) == phone.persistent_id
    assert str(SessionsEnd(user=alice)) == f"end of sessions {alice.pk}"


def test_pages_of_the_admin_that_a_project_has_of_its_own_stay():
    site = AdminSite("own")
    register(site)
    pages = dict(site._registry)
    register(site)
    assert site._registry == pages
