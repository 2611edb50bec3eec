"""What was wrong with 0.12, found by reading it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core import mail
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

import allauth_2fa
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, log_in

pytestmark = pytest.mark.django_db

SETUP = "/accounts/two-factor/setup/"
TOKENS = "/accounts/two-factor/backup-tokens/"
REMOVE = "/accounts/two-factor/remove/"
TEMPLATES = Path(allauth_2fa.__file__).parent / "templates"


def test_an_unknown_path_is_a_plain_404_and_cancels_nothing(client, alice, phone):
    assert client.get("/no/such/page").status_code == 404
    give_password(client, alice)
    assert client.get("/no/such/page").status_code == 404
    assert client.get("/favicon.ico").status_code == 404
    assert is_pending(client)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


@pytest.mark.usefixtures("phone")
def test_e_mail_verification_comes_before_the_code_and_nobody_is_logged_in_before_it(client, alice, settings, logins):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    response = give_password(client, alice)
    assert response["Location"] == reverse("account_email_verification_sent")
    assert not is_logged_in(client)
    assert logins == []
    assert [message.to for message in mail.outbox] == [[alice.email]]


def test_e_mail_verification_holds_users_without_a_device_too(client, bob, settings, logins):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    assert give_password(client, bob)["Location"] == reverse("account_email_verification_sent")
    assert not is_logged_in(client)
    assert logins == []


def test_the_pending_key_does_not_survive_success(client, alice, phone):
    log_in(client, alice, phone)
    assert is_logged_in(client)
    assert "allauth_2fa_user_id" not in client.session
    assert "allauth_2fa_login" not in client.session
    assert "account_login" not in client.session


def test_a_pending_login_ends_after_a_while(client, alice, phone, settings, clock):
    settings.ACCOUNT_LOGIN_TIMEOUT = 600
    give_password(client, alice)
    clock.shift(601)
    assert give_answer(client, code_of(phone))["Location"] == reverse("account_login")
    assert not is_logged_in(client)


def test_removal_works_beside_an_unconfirmed_device(client, alice, phone, unfinished):
    give_password(client, alice)
    give_answer(client, code_of(phone, -1))
    assert client.post(REMOVE, {"otp_token": code_of(phone)}).status_code == 302
    assert not TOTPDevice.objects.filter(user=unfinished.user).exists()


def test_a_post_to_the_setup_without_a_get_shows_the_setup(client, alice):
    give_password(client, alice)
    page = client.post(SETUP, {"otp_token": "123456"})
    assert page.status_code == 200
    assert page.context["form"].errors
    assert not TOTPDevice.objects.get().confirmed


def test_loading_the_setup_again_keeps_the_secret(client, alice):
    give_password(client, alice)
    secret = client.get(SETUP).context["secret"]
    assert client.get(SETUP).context["secret"] == secret
    assert TOTPDevice.objects.filter(user=alice).count() == 1


def test_a_late_code_does_not_swap_the_secret(client, alice):
    give_password(client, alice)
    secret = client.get(SETUP).context["secret"]
    device = TOTPDevice.objects.get()
    page = client.post(SETUP, {"otp_token": code_of(device, -10)})
    assert "off by about 5 minutes" in page.text
    assert page.context["secret"] == secret


def test_another_secret_is_made_on_request(client, alice):
    give_password(client, alice)
    secret = client.get(SETUP).context["secret"]
    client.post(SETUP, {"action": "replace"})
    assert client.get(SETUP).context["secret"] != secret
    assert TOTPDevice.objects.get().user == alice


@pytest.fixture
def alices(client, alice, phone, tokens, settings):
    """Alice's browser five minutes after a login, on a site that always reveals her tokens."""
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    log_in(client, alice, phone)
    assert [item.token for item in client.get(TOKENS).context["backup_tokens"]] == tokens
    return client


@pytest.mark.parametrize("method", ["get", "post"])
def test_recovery_codes_are_neither_shown_nor_made_without_a_fresh_authentication(alices, phone, tokens, clock, method):
    clock.shift(301)
    response = getattr(alices, method)(TOKENS)
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))
    assert [token.token for token in StaticToken.objects.order_by("pk")] == tokens
    page = alices.post(response["Location"], {"otp_token": code_of(phone)}, follow=True)
    assert page.context["reveal_tokens"]


def test_a_login_by_a_recovery_code_does_not_throttle_the_authenticator_app(client, alice, phone, tokens):
    for token in tokens:
        give_password(client, alice)
        give_answer(client, token)
        assert is_logged_in(client)
        client.logout()
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0
    log_in(client, alice, phone)
    assert is_logged_in(client)


@pytest.mark.parametrize("template", sorted(TEMPLATES.rglob("*.html")), ids=lambda template: str(template.relative_to(TEMPLATES)))
def test_no_template_extends_the_base_that_allauth_removed(template):
    assert "account/base.html" not in template.read_text()
