"""Recovery codes."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode, RecoveryDevice
from allauth_2fa.models import recovery as recovery_models
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

CODES = "/accounts/two-factor/backup-tokens/"


def shown_by(response):
    return [str(item) for item in response.context["backup_tokens"]] if response.context["reveal_tokens"] else []


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


@pytest.fixture
def codes(alice, phone):
    return registry.recovery.renew(alice, 3)


def test_codes_are_made_and_shown_at_the_first_enrollment_and_not_again(client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    code = code_of(TOTPDevice.objects.get(user=alice))
    first = client.post(reverse("two-factor-setup"), {"otp_token": code}, follow=True)
    assert len(shown_by(first)) == 10
    assert first.context["shown_once"]
    second = client.get(CODES)
    assert shown_by(second) == []
    assert second.context["codes_left"] == 10
    assert not any(code in second.text for code in shown_by(first))


def test_a_head_request_does_not_use_up_the_one_look(client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    client.post(reverse("two-factor-setup"), {"otp_token": code_of(TOTPDevice.objects.get(user=alice))})
    client.head(CODES)
    assert len(shown_by(client.get(CODES))) == 10


@pytest.mark.parametrize("reveal", [True, False])
def test_a_renewal_that_fails_half_way_leaves_all_old_codes_and_makes_no_new_ones(verified, alice, settings, monkeypatch, reveal):
    registry.recovery.renew(alice, 3)
    registry.static.renew(alice, 3)
    before = [list(model.objects.order_by("pk").values()) for model in (RecoveryDevice, RecoveryCode, StaticToken)]
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = reveal

    def fail(*_args, **_facts):
        raise OSError("no space")

    monkeypatch.setattr("allauth_2fa.devices.recovery_codes.events.announce", fail)
    with pytest.raises(OSError, match="no space"):
        verified.post(CODES)
    assert [list(model.objects.order_by("pk").values()) for model in (RecoveryDevice, RecoveryCode, StaticToken)] == before


def test_codes_are_hashed_at_rest(verified):
    codes = shown_by(verified.post(CODES))
    stored = list(RecoveryCode.objects.values_list("digest", flat=True))
    assert all(digest.startswith(f"pbkdf2_sha256${recovery_models.ITERATIONS}$") for digest in stored)
    assert not any(code.replace("-", "") in "".join(stored) for code in codes)
    assert StaticToken.objects.count() == 0


def test_codes_have_eighty_bits_in_groups_of_four(verified):
    for code in shown_by(verified.post(CODES)):
        assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]


@pytest.mark.parametrize("spelling", ["shown", "capitals", "no dashes", "blanks", "look-alikes"])
def test_a_code_opens_the_login_once_however_it_is_typed(client, alice, codes, spelling):
    code = codes[0]
    typed = {
        "shown": code,
        "capitals": code.upper(),
        "no dashes": code.replace("-", ""),
        "blanks": f"  {code.replace('-', ' ')}  ",
        "look-alikes": code.replace("1", "l").replace("0", "O"),
    }[spelling]
    give_password(client, alice)
    assert give_answer(client, typed).status_code == 302
    assert is_logged_in(client)
    other = Client()
    give_password(other, alice)
    response = give_answer(other, codes[0])
    assert response.context["form"].errors["otp_token"] == [
        "That recovery code was already used. Each code works once. Use another one from your list."
    ]
    assert not is_logged_in(other)


def test_a_login_by_recovery_code_says_how_many_are_left_and_is_verified(client, alice, codes):
    give_password(client, alice)
    give_answer(client, codes[0])
    assert "2" in str(list(get_messages(client.get("/").wsgi_request))[-1])
    assert client.session["otp_device_id"].startswith("allauth_2fa.recoverydevice/")
    assert "alice" in client.get("/").text


def test_a_wrong_recovery_code_throttles_nothing(client, alice, phone, codes):
    give_password(client, alice)
    for _ in range(5):
        response = give_answer(client, "aaaa-aaaa-aaaa-aaaa")
        assert response.context["form"].errors["otp_token"][0].startswith("That recovery code is not right.")
    assert give_answer(client, code_of(phone)).status_code == 302


def test_another_users_recovery_code_opens_nothing(client, alice, phone, bob):
    foreign = registry.recovery.renew(bob, 3)
    give_password(client, alice)
    give_answer(client, foreign[0])
    assert not is_logged_in(client)
    assert registry.recovery.unused(bob).count() == 3


def test_renewing_invalidates_the_old_codes(verified, alice, codes):
    StaticDevice.objects.create(user=alice, name="backup").token_set.create(token="abcdefgh")
    fresh = shown_by(verified.post(CODES))
    other = Client()
    give_password(other, alice)
    for old in (codes[0], "abcdefgh"):
        give_answer(other, old)
        assert not is_logged_in(other)
    give_answer(other, fresh[0])
    assert is_logged_in(other)


def test_always_reveal_keeps_codes_readable_as_0x_did(verified, alice, settings, codes):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    made = shown_by(verified.post(CODES))
    assert sorted(made) == sorted(StaticToken.objects.filter(device__user=alice).values_list("token", flat=True))
    assert sorted(shown_by(verified.get(CODES))) == sorted(made)
    assert RecoveryCode.objects.count() == 0
    again = shown_by(verified.post(CODES))
    assert set(again).isdisjoint(made)
    assert StaticDevice.objects.filter(user=alice).count() == 1


def test_a_static_token_of_django_otp_stays_a_valid_answer(client, alice, phone):
    device = StaticDevice.objects.create(user=alice, name="by hand")
    device.token_set.create(token=StaticToken.random_token())
    device.token_set.create(token="made by hand")
    for token in device.token_set.all():
        give_password(client, alice)
        assert give_answer(client, token.token).status_code == 302
        assert is_logged_in(client)
        client.logout()
    assert device.token_set.count() == 0


def test_a_wrong_static_token_throttles_its_device_only(client, alice, phone):
    device = StaticDevice.objects.create(user=alice, name="backup")
    device.token_set.create(token="abcdefgh")
    give_password(client, alice)
    give_answer(client, "hgfedcba")
    device.refresh_from_db()
    assert device.throttling_failure_count == 1
    response = give_answer(client, "abcdefgh")
    assert "You can try again in" in response.context["form"].errors["otp_token"][0]
    assert device.token_set.count() == 1
    assert give_answer(client, code_of(phone)).status_code == 302


def test_codes_are_neither_seen_nor_made_without_a_fresh_authentication(verified, alice, codes):
    session = verified.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    for response in (verified.get(CODES), verified.post(CODES)):
        assert response["Location"].startswith("/accounts/two-factor/factors/reauthenticate/")
    assert registry.recovery.unused(alice).count() == 3


def test_the_number_of_codes_is_the_settings(verified, settings):
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 7
    assert len(shown_by(verified.post(CODES))) == 7


@pytest.mark.parametrize(
    ("site", "name"),
    [
        ("Two-factor demo", "two-factor-demo-recovery-codes.txt"),
        ("shop.example.com", "shop-example-com-recovery-codes.txt"),
        ("Bücher & Café", "bücher-café-recovery-codes.txt"),
        ("\u672c\u5c4b", "\u672c\u5c4b-recovery-codes.txt"),
        ('"><script>../../', "script-recovery-codes.txt"),
        ("\U0001f512", "recovery-codes.txt"),
    ],
)
def test_the_downloaded_file_is_named_after_the_site(verified, site, name):
    Site.objects.filter(pk=1).update(name=site)
    Site.objects.clear_cache()
    assert f'download="{name}"' in verified.post(CODES).text


@pytest.fixture(autouse=True)
def _forget_the_site():
    yield
    Site.objects.clear_cache()
