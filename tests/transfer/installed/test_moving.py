"""What arrives in ``allauth.mfa``, and that it works there."""

from __future__ import annotations

from base64 import b32encode
from datetime import UTC, datetime

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.transfer.allauth_mfa import last_used
from allauth_2fa.transfer.bulk import Row
from tests.cast import code_of, give_password, is_logged_in

pytestmark = pytest.mark.django_db

SPRING = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)
SUMMER = datetime(2024, 7, 1, 9, 30, tzinfo=UTC)


def answer_there(client, code):
    return client.post(reverse("mfa_authenticate"), {"code": code})


def test_an_app_and_its_recovery_codes_become_two_authenticators(migrate, alice, phone, codes, there):
    printed = migrate()
    assert printed.splitlines()[:3] == ["Created 2 Authenticators", "  1 recovery_codes", "  1 totp"]
    secret = b32encode(bytes.fromhex(phone.key)).decode()
    assert there(alice)["totp"].data == {"secret": secret}
    assert sorted(there(alice)["recovery_codes"].data["migrated_codes"]) == codes


def test_a_secret_that_is_encrypted_here_arrives_readable_and_what_cannot_be_read_is_reported(
    migrate, switch, client, alice, bob, settings, there
):
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = ["a key that the site has lost, 24681012141618"]
    TOTPDevice.objects.create(user=bob)
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = ["the key that the site has, 13579111315171921"]
    phone = TOTPDevice.objects.create(user=alice)
    printed = migrate()
    assert there(alice)["totp"].data == {"secret": b32encode(bytes.fromhex(phone.key)).decode()}
    assert there(bob) == {}
    assert "its secret cannot be read" in printed
    code = code_of(phone)
    switch()
    give_password(client, alice)
    assert answer_there(client, code).status_code == 302
    assert is_logged_in(client)


def test_nothing_is_removed_here(migrate, alice, phone, codes):
    migrate()
    assert TOTPDevice.objects.get(user=alice).key == phone.key
    assert StaticDevice.objects.get(user=alice).token_set.count() == len(codes)


def test_the_same_app_logs_in_on_the_page_of_allauth_mfa(migrate, switch, client, alice, phone):
    migrate()
    switch()
    response = give_password(client, alice)
    assert response["Location"] == reverse("mfa_authenticate")
    assert not is_logged_in(client)
    response = answer_there(client, code_of(phone))
    assert response.status_code == 302
    assert is_logged_in(client)


@pytest.mark.usefixtures("phone")
def test_a_recovery_code_logs_in_there_once(migrate, switch, client, alice, codes):
    migrate()
    switch()
    give_password(client, alice)
    assert answer_there(client, codes[1]).status_code == 302
    assert is_logged_in(client)
    client.logout()
    give_password(client, alice)
    assert answer_there(client, codes[1]).status_code == 200
    assert not is_logged_in(client)


def test_secrets_go_through_the_adapter_of_allauth_mfa(migrate, switch, settings, client, alice, phone, codes, there):
    settings.MFA_ADAPTER = "tests.transfer.installed.adapters.EncryptingAdapter"
    migrate()
    assert there(alice)["totp"].data["secret"].startswith("sealed:")
    stored = there(alice)["recovery_codes"].data["migrated_codes"]
    assert sorted(stored) == sorted("sealed:" + code[::-1] for code in codes)
    switch()
    give_password(client, alice)
    assert answer_there(client, code_of(phone)).status_code == 302


def test_eight_digits_a_minute_work_where_allauth_mfa_is_set_so(migrate, switch, settings, client, alice):
    settings.MFA_TOTP_DIGITS, settings.MFA_TOTP_PERIOD = 8, 60
    token = TOTPDevice.objects.create(user=alice, name="token", digits=8, step=60)
    assert migrate().startswith("Created 1 Authenticators")
    switch()
    give_password(client, alice)
    assert answer_there(client, code_of(token)).status_code == 302


def test_a_secret_of_odd_length_works(migrate, switch, client, alice):
    # 16 bytes are no multiple of base32's 5: the padding must survive.
    device = TOTPDevice.objects.create(user=alice, name="phone", key="00112233445566778899aabbccddeeff")
    migrate()
    switch()
    give_password(client, alice)
    assert answer_there(client, code_of(device)).status_code == 302


def test_codes_of_several_sheets_are_put_together_without_doubles(migrate, alice, phone, codes, there):
    StaticDevice.objects.create(user=alice, name="more").token_set.create(token=codes[0])
    StaticDevice.objects.create(user=alice, name="draft", confirmed=False).token_set.create(token="draft")
    migrate()
    assert sorted(there(alice)["recovery_codes"].data["migrated_codes"]) == codes


def test_a_sheet_without_codes_makes_no_authenticator(migrate, alice, phone, there):
    StaticDevice.objects.create(user=alice, name="backup")
    migrate()
    assert list(there(alice)) == ["totp"]


def test_timestamps_are_kept(migrate, alice, phone, codes, there):
    TOTPDevice.objects.filter(pk=phone.pk).update(created_at=SPRING, last_used_at=SUMMER)
    StaticDevice.objects.filter(user=alice).update(created_at=SPRING, last_used_at=SUMMER)
    more = StaticDevice.objects.create(user=alice, name="more")
    StaticDevice.objects.filter(pk=more.pk).update(created_at=SUMMER, last_used_at=SPRING)
    migrate()
    for authenticator in there(alice).values():
        assert (authenticator.created_at, authenticator.last_used_at) == (SPRING, SUMMER)


def test_rows_from_before_the_timestamps_get_what_can_be_known(migrate, alice, phone, codes, there):
    TOTPDevice.objects.filter(pk=phone.pk).update(created_at=None, last_t=SUMMER.timestamp() // 30)
    StaticDevice.objects.filter(user=alice).update(created_at=None)
    before = timezone.now()
    migrate()
    for authenticator in there(alice).values():
        assert before <= authenticator.created_at <= timezone.now()
    assert there(alice)["totp"].last_used_at == SUMMER
    assert there(alice)["recovery_codes"].last_used_at is None


def test_a_step_of_the_far_future_counts_as_now():
    before = timezone.now()
    assert before <= last_used(TOTPDevice(last_t=10**17)) <= timezone.now()


def test_without_time_zones_the_last_step_is_told_in_local_time(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Tokyo"
    device = TOTPDevice(last_t=int(SUMMER.timestamp()) // 30)
    assert last_used(device) == datetime(2024, 7, 1, 18, 30)  # noqa: DTZ001 - that is what this is about


def test_of_several_apps_the_one_used_last_is_moved(migrate, alice, phone, there):
    tablet = TOTPDevice.objects.create(user=alice, name="tablet", last_used_at=SUMMER)
    old = TOTPDevice.objects.create(user=alice, name="old", last_t=SPRING.timestamp() // 30)
    printed = migrate()
    assert there(alice)["totp"].data["secret"] == b32encode(tablet.bin_key).decode()
    assert f"user {alice.pk}, {phone.persistent_id}: not moved: allauth.mfa keeps one authenticator app per user" in printed
    assert f"user {alice.pk}, {old.persistent_id}: not moved" in printed
    assert tablet.persistent_id not in printed


def test_of_several_apps_that_were_never_used_the_first_is_moved(migrate, alice, phone, there):
    TOTPDevice.objects.create(user=alice, name="tablet")
    printed = migrate()
    assert there(alice)["totp"].data["secret"] == b32encode(phone.bin_key).decode()
    assert "  1 not moved: allauth.mfa keeps one authenticator app per user" in printed


def test_an_app_that_does_not_suit_gives_way_to_one_that_does(migrate, alice, phone, there):
    TOTPDevice.objects.create(user=alice, name="token", digits=8, last_used_at=SUMMER)
    migrate()
    assert there(alice)["totp"].data["secret"] == b32encode(phone.bin_key).decode()


@pytest.mark.usefixtures("codes")
def test_codes_are_moved_to_a_passkey_that_is_there_already(migrate, alice, there):
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={})
    migrate()
    assert set(there(alice)) == {"webauthn", "recovery_codes"}


def test_a_row_has_every_column_that_allauth_mfa_has():
    assert [field.name for field in Authenticator._meta.concrete_fields if not field.primary_key] == list(Row._fields)
