"""Attack: read secrets, codes and cookies in what is told of events: rows, logs, signals, mails, exports, pages."""

from __future__ import annotations

import io
import logging

import pytest
from django.conf import settings as site
from django.core import mail
from django.core.management import call_command
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode, RecoveryDevice
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.signals import two_factor_event
from allauth_2fa.testing import login_verified
from allauth_2fa.utils import get_device_base32_secret
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, wrong_code_of

pytestmark = pytest.mark.django_db(transaction=True)


class Known:
    """Everything that must not be read anywhere."""

    def __init__(self) -> None:
        self.secrets = {PASSWORD, site.SECRET_KEY}

    def add(self, *secrets: str) -> str:
        self.secrets.update(secrets)
        return secrets[0]

    def device(self, device: TOTPDevice) -> None:
        self.add(device.key, get_device_base32_secret(device))

    def cookies(self, client) -> None:
        self.add(*(morsel.value for morsel in client.cookies.values() if len(morsel.value) > 5))


@pytest.fixture
def heard():
    told = []

    def listen(signal, sender, request, **facts):
        told.append(repr(facts))

    two_factor_event.connect(listen)
    yield told
    two_factor_event.disconnect(listen)


def everything_told(caplog, heard, client) -> str:
    """Return all that could be read afterwards."""
    exported = io.StringIO()
    for kind in ("jsonl", "csv"):
        call_command("allauth_2fa_audit", "export", "--format", kind, stdout=exported)
    mails = [part for message in mail.outbox for part in (str(message.message()), message.body, message.alternatives[0][0])]
    pages = [client.get(reverse(name)).text for name in ("two-factor-events",)]
    logs = [f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name.startswith("allauth_2fa")]
    rows = [repr(row) for row in AuditEntry.objects.values()]
    return "\n".join([exported.getvalue(), *mails, *pages, *logs, *rows, *heard])


def set_up(client, known):
    """Set an app up, with a wrong code first, and return it and the recovery codes."""
    client.get(reverse("two-factor-setup"))
    phone = TOTPDevice.objects.get()
    known.device(phone)
    client.post(reverse("two-factor-setup"), {"otp_token": known.add(wrong_code_of(phone))})
    page = client.post(reverse("two-factor-setup"), {"otp_token": known.add(code_of(phone)), "name": "Phone"}, follow=True)
    codes = [str(code) for code in page.context["backup_tokens"]]
    known.add(*codes, *(code.replace("-", "") for code in codes))
    known.cookies(client)
    return phone, codes


def wait():
    """Let the throttling pass, and the codes that were used up be right again."""
    for model in (TOTPDevice, StaticDevice):
        model.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    TOTPDevice.objects.update(last_t=-1)


def log_in_with_errors(client, alice, phone, codes, known):
    """Log in: wrong codes, a recovery code, the same again, the app."""
    for right, *before in ((codes[0], "987654", "WRNG-WRNG-WRNG-WRNG"), (code_of(phone), codes[0])):
        client.logout()
        give_password(client, alice)
        for answer in (*before, right):
            wait()
            give_answer(client, known.add(answer))
        assert is_logged_in(client)
        known.cookies(client)


def change_everything(client, phone, known):
    """Add a device, rename one, make new codes, remove one, turn all off."""
    add = reverse("two-factor-add", args=["totp"])
    client.get(add)
    tablet = TOTPDevice.objects.get(confirmed=False)
    known.device(tablet)
    client.post(add, {"otp_token": known.add(code_of(tablet)), "name": "Tablet"})
    client.post(reverse("two-factor-rename", args=[phone.persistent_id]), {"name": "Old phone"})
    page = client.post(reverse("two-factor-backup-tokens"))
    known.add(*(str(code) for code in page.context["backup_tokens"]))
    client.post(reverse("two-factor-remove-device", args=[phone.persistent_id]))
    wait()
    known.secrets.update(RecoveryCode.objects.values_list("digest", flat=True), RecoveryDevice.objects.values_list("salt", flat=True))
    client.post(reverse("two-factor-remove"), {"otp_token": known.add(code_of(tablet))})
    known.cookies(client)


@pytest.mark.parametrize("readable", [False, True])
def test_a_whole_life_leaves_no_secret_where_it_is_told(client, alice, settings, caplog, heard, readable):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = readable
    known = Known()
    with caplog.at_level(logging.DEBUG):
        give_password(client, alice)
        phone, codes = set_up(client, known)
        log_in_with_errors(client, alice, phone, codes, known)
        change_everything(client, phone, known)
        told = everything_told(caplog, heard, client)
    events = set(AuditEntry.objects.values_list("event", flat=True))
    assert events >= {"device_added", "device_renamed", "device_removed", "two_factor_off", "recovery_codes_made", "recovery_code_used"}
    assert events >= {"challenge_passed", "challenge_refused", "owner_told"}
    assert len(mail.outbox) >= 8
    assert len(known.secrets) > 15
    assert [secret for secret in known.secrets if secret in told] == []


def test_the_admin_page_of_an_event_holds_no_secret(client, alice, phone, staff):
    codes = registry.recovery.renew(alice, 3)
    give_password(client, alice)
    give_answer(client, codes[0])
    client.logout()
    login_verified(client, staff)
    for row in AuditEntry.objects.all():
        page = client.get(f"/admin/allauth_2fa/auditentry/{row.pk}/change/").text
        assert "alice" in page
        assert not [secret for secret in (*codes, phone.key) if secret in page]
