"""Attack: stop the cache server, and try what is not counted then. Every page of ours is served, and nobody gets in by it."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import urls
from allauth_2fa.audit import log
from allauth_2fa.factors import lookup, registry
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of
from tests.dead_cache import ServerGone

pytestmark = pytest.mark.django_db

NAMES = sorted({pattern.name for pattern in urls.urlpatterns if pattern.name})


@pytest.fixture(autouse=True)
def _dead(settings):
    settings.CACHES = {"default": {"BACKEND": "tests.dead_cache.DeadCache"}}


def path_of(name, device):
    about = {"two-factor-rename", "two-factor-prefer", "two-factor-remove-device"}
    arguments = {"two-factor-add": ["totp"]} | {other: [device.persistent_id] for other in about}
    return reverse(name, args=arguments.get(name, []))


def test_the_cache_is_dead():
    with pytest.raises(ServerGone):
        cache.get("anything")


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", ["nobody", "pending", "verified"])
def test_no_page_of_ours_is_an_error(client, alice, phone, who, name, method):
    TOTPDevice.objects.create(user=alice, name="Tablet")
    if who == "pending":
        give_password(client, alice)
    elif who == "verified":
        login_verified(client, alice, phone)
    response = getattr(client, method)(path_of(name, phone), headers={"Sec-Fetch-Dest": "empty"})
    assert response.status_code in {200, 302, 404, 405}
    assert is_logged_in(client) == (who == "verified")


def test_the_password_alone_does_not_open(client, alice, phone):
    assert give_password(client, alice)["Location"] == reverse("two-factor-authenticate")
    assert is_pending(client)
    assert client.get(reverse("private")).status_code == 302


def test_codes_are_judged_as_ever(client, alice, phone):
    give_password(client, alice)
    assert give_answer(client, wrong_code_of(phone)).status_code == 200
    assert not is_logged_in(client)
    phone.throttle_reset()
    code = code_of(phone)
    assert give_answer(client, code).status_code == 302
    assert client.get(reverse("private")).text == "user: alice"
    other = Client()
    give_password(other, alice)
    assert give_answer(other, code).status_code == 200
    assert not is_logged_in(other)


def test_a_recovery_code_counts_once(client, alice, phone):
    code = registry.recovery.renew(alice, 3)[0]
    give_password(client, alice)
    assert give_answer(client, code).status_code == 302
    other = Client()
    give_password(other, alice)
    assert give_answer(other, code).status_code == 200
    assert not is_logged_in(other)


def test_wrong_codes_use_the_budget_up_all_the_same(client, alice, phone, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["3/365d"]}
    give_password(client, alice)
    for _ in range(3):
        give_answer(client, wrong_code_of(phone))
    assert "Too many wrong codes" in give_answer(client, code_of(phone)).text
    assert not is_logged_in(client)


@pytest.mark.django_db(transaction=True)
def test_the_owner_is_told_of_many_wrong_codes_once_as_the_audit_log_says(client, alice, phone, mailoutbox, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    for _ in range(3):
        give_answer(client, wrong_code_of(phone))
    assert len(mailoutbox) == 1
    assert [row.event for row in reversed(log.recent(alice, 9))].count("owner_told") == 1
    assert AuditEntry.objects.filter(event="challenge_refused").count() == 3


def test_an_app_is_set_up_and_taken_away(client, alice):
    give_password(client, alice)
    client.get(reverse("two-factor-setup"))
    waiting = TOTPDevice.objects.get(user=alice)
    assert client.post(reverse("two-factor-setup"), {"otp_token": code_of(waiting)}).status_code == 302
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 200
    assert lookup.has_primary(alice)
    waiting.refresh_from_db()
    assert client.post(reverse("two-factor-remove"), {"otp_token": code_of(waiting, 1)}).status_code == 302
    assert not lookup.has_primary(alice)


# What is not ours: docs/soak.md tells sites what it takes


def test_limits_of_allauths_need_a_cache_that_does_not_raise(client, alice, settings):
    settings.ACCOUNT_RATE_LIMITS = {}
    with pytest.raises(ServerGone):
        give_password(client, alice)


def test_sessions_in_front_of_the_database_need_one_too(client, alice, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    with pytest.raises(ServerGone):
        give_password(client, alice)
