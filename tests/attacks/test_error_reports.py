"""Attack: read secrets and codes where they were left: error reports, logs, representations, the admin."""

from __future__ import annotations

import logging
import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.core.signals import got_request_exception
from django.db.models import QuerySet
from django.urls import reverse
from django.views.debug import ExceptionReporter
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa import exceptions, statements
from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryCode, RecoveryDevice
from allauth_2fa.models import recovery as recovery_models
from tests.cast import code_of, give_answer, give_password, log_in, shows

pytestmark = pytest.mark.django_db

ADMINS = {"ADMINS": [("Root", "root@example.com")]}


def report_of(client, url, data):
    """Post something that breaks, and return the report that the site's own handler would mail, in both forms."""
    reports = []

    def collect(sender, request, **_facts):
        for is_email in (True, False):
            reporter = ExceptionReporter(request, *sys.exc_info(), is_email=is_email)
            reports.extend((reporter.get_traceback_html(), reporter.get_traceback_text()))

    got_request_exception.connect(collect)
    client.raise_request_exception = False
    try:
        assert client.post(url, data).status_code == 500
    finally:
        got_request_exception.disconnect(collect)
    assert reports
    return "\n".join(reports)


@pytest.fixture(autouse=True)
def _breaks(monkeypatch):
    """Have the database go away at the first write to a device, a code or a token."""
    update, create = QuerySet.update, QuerySet.bulk_create

    def broken(self, *args, **kwargs):
        if BROKEN and issubclass(self.model, (TOTPDevice, StaticDevice, RecoveryCode, RecoveryDevice)):
            raise RuntimeError
        return update(self, *args, **kwargs)

    def broken_create(self, *args, **kwargs):
        if BROKEN:
            raise RuntimeError
        return create(self, *args, **kwargs)

    write = statements._written

    def broken_write(*args):
        if BROKEN:
            raise RuntimeError
        return write(*args)

    monkeypatch.setattr(QuerySet, "update", broken)
    monkeypatch.setattr(statements, "_written", broken_write)
    monkeypatch.setattr(QuerySet, "bulk_create", broken_create)
    yield
    BROKEN.clear()


BROKEN: list[bool] = []


def test_no_report_shows_the_code_of_an_app(client, alice, phone):
    give_password(client, alice)
    code = code_of(phone)
    BROKEN.append(True)
    report = report_of(client, reverse("two-factor-authenticate"), {"otp_token": code})
    assert not shows(report, code)
    assert phone.key not in report


def test_no_report_shows_a_recovery_code(client, alice, phone):
    code = registry.recovery.renew(alice, 1)[0]
    give_password(client, alice)
    BROKEN.append(True)
    report = report_of(client, reverse("two-factor-authenticate"), {"otp_token": code})
    assert code not in report
    assert code.replace("-", "") not in report


def test_no_report_shows_a_static_token(client, alice, phone):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcdefgh")
    give_password(client, alice)
    BROKEN.append(True)
    assert "abcdefgh" not in report_of(client, reverse("two-factor-authenticate"), {"otp_token": "abcdefgh"})


def test_no_report_shows_the_code_or_the_secret_of_a_setup(client, alice):
    give_password(client, alice)
    secret = client.get(reverse("two-factor-setup")).context["secret"]
    device = TOTPDevice.objects.get()
    code = code_of(device)
    BROKEN.append(True)
    report = report_of(client, reverse("two-factor-setup"), {"otp_token": code})
    assert not shows(report, code)
    assert device.key not in report
    assert secret not in report


@pytest.mark.parametrize("page", ["two-factor-remove", "two-factor-reauthenticate"])
def test_no_report_shows_a_code_given_in_a_session(client, alice, phone, page):
    log_in(client, alice, phone)
    TOTPDevice.objects.update(last_t=-1)
    code = code_of(phone)
    BROKEN.append(True)
    assert not shows(report_of(client, reverse(page), {"otp_token": code}), code)


def test_no_report_shows_new_recovery_codes(client, alice, phone, monkeypatch):
    made = []
    draw = recovery_models.get_random_string
    monkeypatch.setattr(recovery_models, "get_random_string", lambda *args: made.append(draw(*args)) or made[-1])
    log_in(client, alice, phone)
    BROKEN.append(True)
    report = report_of(client, reverse("two-factor-backup-tokens"), {})
    codes = [text for text in made if len(text) == recovery_models.CODE_LENGTH]
    assert codes
    assert not any(text in report for text in codes)


def test_nothing_is_logged_that_opens_anything(client, alice, phone, caplog):
    codes = registry.recovery.renew(alice, 1)
    caplog.set_level(logging.DEBUG)
    give_password(client, alice)
    code = code_of(phone)
    for answer in ("000000", *codes, code):
        give_answer(client, answer)
    assert not any(text in caplog.text for text in (*codes, phone.key))
    assert not any(shows(text, code) for text in (caplog.text, *(message.body for message in mail.outbox)))


def test_representations_tell_no_secret(alice, phone):
    codes = registry.recovery.renew(alice, 2)
    static = StaticDevice.objects.create(user=alice)
    static.token_set.create(token="abcdefgh")
    things = [phone, static, RecoveryDevice.objects.get(), *RecoveryCode.objects.all(), exceptions.Throttled(None), exceptions.LateCode(60)]
    shown = " ".join(f"{thing} {thing!r}" for thing in [*things, registry.totp.devices(alice), RecoveryCode.objects.all()])
    digests = RecoveryCode.objects.values_list("digest", flat=True)
    assert not any(text in shown for text in (phone.key, "abcdefgh", *codes, *digests))


def test_the_admin_shows_no_secret_on_any_page(client, staff, alice):
    device = TOTPDevice.objects.create(user=staff)
    theirs = TOTPDevice.objects.create(user=alice)
    codes = registry.recovery.renew(alice, 1)
    static = StaticDevice.objects.create(user=alice)
    token = static.token_set.create(token="abcdefgh")
    log_in(client, staff, device)
    recovery = RecoveryDevice.objects.get()
    secrets = [theirs.key, device.key, token.token, *codes, RecoveryCode.objects.get().digest, recovery.salt]
    pages = ["/admin/", f"/admin/auth/user/{alice.pk}/delete/"]
    for model in (theirs, static, recovery):
        root = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        pages += [root, f"{root}?q=Work", f"{root}{model.pk}/change/", f"{root}{model.pk}/delete/", f"{root}{model.pk}/history/"]
    pages.append(f"/admin/otp_totp/totpdevice/{theirs.pk}/config/")
    pages.append(f"/admin/otp_totp/totpdevice/{theirs.pk}/qrcode/")
    for page in pages:
        response = client.get(page, follow=True)
        assert not any(secret in response.text for secret in secrets), page
    client.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert not any(secret in str(list(LogEntry.objects.values())) for secret in secrets)


QUESTIONS = [
    "otp_totp/totpdevice/?key__startswith=a",
    "otp_totp/totpdevice/?key=a",
    "otp_totp/totpdevice/?user__password__startswith=p",
    "otp_static/staticdevice/?token_set__token__startswith=a",
    "allauth_2fa/recoverydevice/?salt__startswith=a",
    "allauth_2fa/recoverydevice/?codes__digest__startswith=p",
    "auth/user/?totpdevice__key__startswith=a",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_admins_filters_do_not_answer_questions_about_secrets(client, staff, question):
    device = TOTPDevice.objects.create(user=staff)
    log_in(client, staff, device)
    assert client.get(f"/admin/{question}").status_code in {302, 400}


def test_the_admins_own_filters_work(client, staff):
    device = TOTPDevice.objects.create(user=staff)
    log_in(client, staff, device)
    for query in ("confirmed__exact=1", "last_used_at__isnull=True", f"user__id__exact={staff.pk}", "q=staff"):
        assert client.get(f"/admin/otp_totp/totpdevice/?{query}").status_code == 200
