"""The requests of docs/headless.md are made as they stand there, and answered as they stand there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import time_machine
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from tests.cast import code_of, wrong_code_of
from tests.headless.clients import Browser

pytestmark = pytest.mark.django_db

PAGE = (Path(__file__).parents[3] / "docs" / "headless.md").read_text()

REQUEST = (
    r"```http\n(?P<method>[A-Z]+) /_allauth/browser/v1/(?P<path>\S+) HTTP/1.1(?:\nContent-Type: application/json\n\n(?P<body>.*?))?\n```"
)
SECTION = "## What protects the account"

EXCHANGE = re.compile(REQUEST + r"\n\n```json\n(?P<answer>.*?)\n```", re.DOTALL)

RIGHT, WRONG = "314159", "000000"

VOLATILE = {"at", "id"}
"""What differs each time: moments, and keys of rows."""


def steady(answer):
    """Return the answer with what differs each time replaced by its type, and without the clock time in a sentence."""
    if isinstance(answer, dict):
        return {key: kind_of(value) if key in VOLATILE else steady(value) for key, value in answer.items()}
    if isinstance(answer, list):
        return [steady(item) for item in answer]
    return re.sub(r"\(\S+ UTC\)", "(TIME)", answer) if isinstance(answer, str) else answer


def kind_of(value):
    """Return the type of a moment or of a key, and the id of a flow as it is."""
    return value if isinstance(value, str) else type(value).__name__


def test_the_setup_of_the_page(bob, settings):
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 2
    browser, exchanges = Browser(), list(EXCHANGE.finditer(PAGE.partition(SECTION)[2]))
    assert len(exchanges) == 3
    with time_machine.travel(1_800_000_000, tick=False):
        browser.log_in(bob)
        for exchange in exchanges:
            data = exchange["body"] and json.loads(exchange["body"])
            if data:
                data["code"] = code_of(TOTPDevice.objects.get(user=bob))
            answer, documented = browser.ask(exchange["method"], exchange["path"], data).json(), json.loads(exchange["answer"])
            assert unsecret(answer) == documented


def unsecret(answer):
    """Return the answer with what is drawn at random, and the key of the row, as they stand on the page."""
    meta, data = answer.get("meta", {}), answer.get("data", {})
    text = json.dumps(answer)
    for drawn, shown in ((meta.get("secret"), "SECRET"), *((code, "CODE") for code in data.get("unused_codes", ()))):
        text = text.replace(drawn, shown) if drawn else text
    return json.loads(re.sub(r"totpdevice/\d+", "totpdevice/1", text))


def test_the_login_of_the_page(alice, phone, settings):
    settings.TIME_ZONE = "UTC"
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = settings.ALLAUTH_2FA_PASSKEY_LOGIN = settings.MFA_PASSKEY_LOGIN_ENABLED = False
    registry.recovery.renew(alice, 1)
    browser, exchanges = Browser(), list(EXCHANGE.finditer(PAGE.partition(SECTION)[0]))
    assert len(exchanges) == 4
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        for exchange in exchanges:
            body, documented = json.loads(exchange["body"]), json.loads(exchange["answer"])
            if documented["status"] == 200:
                clock.shift(2)
            if "code" in body:
                body["code"] = {RIGHT: code_of(phone), WRONG: wrong_code_of(phone)}[body["code"]]
            answer = browser.ask(exchange["method"], exchange["path"], body).json()
            if flows := answer.get("data", {}).get("flows"):
                # This site has social accounts as well.
                answer["data"]["flows"] = [flow for flow in flows if not flow["id"].startswith("provider_")]
            assert steady(answer) == steady(documented)
