"""Rows that 0.x left in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryCode
from tests.cast import code_of, give_answer, give_password, is_logged_in, log_in, wrong_code_of
from tests.upgrade.conftest import NOON

pytestmark = pytest.mark.django_db

STEP = 30
NOON_STEP = int(NOON.timestamp()) // STEP


@pytest.fixture
def old_phone(alice) -> TOTPDevice:
    """A device as 0.x made and used it: no name, no timestamps, a clock two steps fast, last used yesterday."""
    return TOTPDevice.objects.create(
        user=alice,
        name="",
        confirmed=True,
        key="0123456789abcdef0123456789ABCDEF01234567",
        drift=2,
        last_t=NOON_STEP - 2880,
        created_at=None,
        last_used_at=None,
    )


def test_a_device_of_0x_logs_in_with_its_drift(client, alice, old_phone):
    give_password(client, alice)
    give_answer(client, code_of(old_phone, 2))
    assert is_logged_in(client)


def test_the_drift_is_still_followed(client, alice, old_phone):
    give_password(client, alice)
    give_answer(client, code_of(old_phone, 3))
    old_phone.refresh_from_db()
    assert old_phone.drift == 3
    assert old_phone.last_t == NOON_STEP + 3
    assert old_phone.last_used_at == NOON


def test_a_code_that_0x_has_accepted_is_not_accepted_again(client, alice, old_phone):
    TOTPDevice.objects.update(drift=0, last_t=NOON_STEP)
    give_password(client, alice)
    give_answer(client, code_of(old_phone))
    assert not is_logged_in(client)
    give_answer(client, code_of(old_phone, 1))
    assert is_logged_in(client)


def test_throttling_that_0x_began_is_kept(client, alice, old_phone, clock):
    TOTPDevice.objects.update(throttling_failure_count=5, throttling_failure_timestamp=NOON - timedelta(seconds=1))
    give_password(client, alice)
    assert give_answer(client, code_of(old_phone, 2)).context["form"].errors
    clock.shift(timedelta(seconds=STEP))
    give_answer(client, code_of(old_phone, 2))
    assert is_logged_in(client)
    old_phone.refresh_from_db()
    assert old_phone.throttling_failure_count == 0


@pytest.mark.parametrize(("digits", "step"), [(8, 30), (6, 60), (8, 60)])
def test_a_device_with_other_digits_and_another_period_logs_in(client, alice, old_phone, digits, step):
    TOTPDevice.objects.update(digits=digits, step=step, drift=0, last_t=-1)
    old_phone.refresh_from_db()
    give_password(client, alice)
    give_answer(client, code_of(old_phone))
    assert is_logged_in(client)


@pytest.mark.usefixtures("unfinished")
def test_an_unfinished_setup_beside_a_device_changes_nothing(client, alice, old_phone):
    give_password(client, alice)
    give_answer(client, code_of(alice.totpdevice_set.get(confirmed=False)))
    assert not is_logged_in(client)
    old_phone.throttle_reset()
    give_answer(client, code_of(old_phone, 2))
    assert is_logged_in(client)
    assert client.get(reverse("two-factor-setup"))["Location"] == reverse("two-factor-backup-tokens")


def test_several_unfinished_setups_become_one(client, alice):
    for _ in range(3):
        TOTPDevice.objects.create(user=alice, confirmed=False)
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get())})
    assert TOTPDevice.objects.get().confirmed


def test_a_setup_that_0x_began_can_be_finished(client, alice, unfinished):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    unfinished.refresh_from_db()
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(unfinished)})
    unfinished.refresh_from_db()
    assert unfinished.confirmed


@pytest.mark.usefixtures("phone")
def test_tokens_of_0x_work_in_any_spelling_of_theirs(client, alice, tokens):
    for typed in (tokens[0], f"  {tokens[1].upper()}  ", f"{tokens[2][:4]}-{tokens[2][4:]}"):
        give_password(client, alice)
        give_answer(client, typed)
        assert is_logged_in(client)
        client.logout()
    assert not StaticToken.objects.exists()
    assert StaticDevice.objects.get(user=alice).name == "backup"


@pytest.mark.usefixtures("phone")
def test_a_spent_token_is_gone_and_the_others_stay(client, alice, tokens):
    give_password(client, alice)
    give_answer(client, tokens[1])
    assert sorted(StaticToken.objects.values_list("token", flat=True)) == [tokens[0], tokens[2]]


def test_a_backup_device_without_tokens_does_no_harm(client, alice, phone):
    alice.staticdevice_set.create(name="backup")
    give_password(client, alice)
    assert give_answer(client, "aaaa2345").status_code == 200
    assert give_answer(client, code_of(phone))["Location"] == "/"
    page = client.get(reverse("two-factor-backup-tokens"))
    assert not page.context["backup_tokens"]


def test_a_backup_device_without_tokens_can_be_filled(client, alice, phone):
    alice.staticdevice_set.create(name="backup")
    log_in(client, alice, phone)
    made = client.post(reverse("two-factor-backup-tokens")).context["backup_tokens"]
    assert RecoveryCode.objects.filter(device__user=alice).count() == len(made) == 10


def test_devices_of_0x_are_told_from_those_of_somebody_else(client, alice, bob, phone):
    other = TOTPDevice.objects.create(user=bob, confirmed=True)
    give_password(client, alice)
    give_answer(client, code_of(other))
    assert not is_logged_in(client)
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1
    other.refresh_from_db()
    assert other.throttling_failure_count == 0


def test_a_wrong_code_is_counted_on_the_device_that_was_asked(client, alice, phone, tokens):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 1
    assert alice.staticdevice_set.get().throttling_failure_count == 0
    give_answer(client, tokens[0])
    assert is_logged_in(client)


def log_in_as_0x_did(client, user, **left_behind):
    """Make a session that this package has never seen."""
    session = client.session
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.update(left_behind)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key


def test_a_session_that_0x_verified_stays_logged_in(client, alice, phone):
    log_in_as_0x_did(client, alice, otp_device_id=phone.persistent_id, allauth_2fa_user_id=str(alice.pk))
    assert client.get("/").text == "user: alice"


@pytest.mark.usefixtures("phone")
def test_a_session_that_0x_never_asked_is_asked(client, alice):
    log_in_as_0x_did(client, alice)
    response = client.get("/")
    assert response["Location"].startswith(reverse("two-factor-authenticate"))
    assert not is_logged_in(client)


def test_a_session_of_a_user_without_a_device_stays_logged_in(client, bob):
    log_in_as_0x_did(client, bob)
    assert client.get("/").text == "user: bob"


def test_a_login_that_was_pending_in_0x_has_to_start_again(client, alice, phone):
    session = client.session
    session.update({"allauth_2fa_user_id": str(alice.pk), "allauth_2fa_login": {"email_verification": "optional"}})
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_login")
    assert not is_logged_in(client)
    log_in(client, alice, phone)
    assert is_logged_in(client)
