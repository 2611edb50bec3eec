"""The tables of the standards name what there is; and the tests of requirements that no other test shows."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from allauth_2fa import models
from allauth_2fa.factors import registry
from tests.cast import code_of, give_answer, is_logged_in, is_pending
from tests.docs.pages import ROOT, text_of

STANDARDS = text_of("docs/standards.md")
NEW_PASSWORD = "a password that nobody has had before"


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/\S+)::(\w+)`", STANDARDS))), ids="::".join)
def test_each_named_test_is_there(named):
    path, name = named
    assert re.search(rf"^def {name}\(", text_of(path), re.MULTILINE)


def test_each_named_module_is_there():
    named = set(re.findall(r"`([\w/]+\.py)`", STANDARDS))
    assert named
    assert [path for path in named if not (ROOT / "src" / "allauth_2fa" / path).exists()] == []


def test_no_row_is_without_a_test():
    met = STANDARDS[: STANDARDS.index("## Not met yet")]
    rows = [line for line in met.splitlines() if line.startswith("| ") and not line.startswith("| requirement")]
    assert len(rows) > 20
    assert [row for row in rows if "::test_" not in row] == [next(row for row in rows if row.startswith("| 6.1.1"))]


@pytest.mark.django_db
@pytest.mark.parametrize("logs_in", [False, True])
def test_a_password_reset_asks_for_the_second_factor(client, alice, phone, settings, mailoutbox, logs_in):
    settings.ACCOUNT_LOGIN_ON_PASSWORD_RESET = logs_in
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    client.post(reverse("account_reset_password"), {"email": alice.email})
    (link,) = re.findall(r"http://testserver(/\S+)|http://example\.com(/\S+)", mailoutbox[0].body)
    form = client.get("".join(link), follow=True)
    client.post(form.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert not is_logged_in(client)
    if not logs_in:
        client.post(reverse("account_login"), {"login": alice.username, "password": NEW_PASSWORD})
    assert is_pending(client)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


@pytest.mark.django_db
def test_secrets_and_codes_come_from_the_systems_random_source(alice, monkeypatch):
    # A source that repeats itself is the only thing that makes them foreseeable.
    monkeypatch.setattr("django_otp.util.urandom", lambda size: b"\x07" * size)
    monkeypatch.setattr("secrets.choice", lambda symbols: symbols[7])
    assert registry.totp.begin(alice).key == "07" * 20
    (code,) = models.RecoveryDevice.renew(alice.pk, 1)
    assert set(code) == {models.ALPHABET[7], "-"}
