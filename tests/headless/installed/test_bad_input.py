"""Attack: post what no client posts. Each answer is in allauth's format, none is an error of the server, and nothing is lost."""

from __future__ import annotations

import pytest

from tests.attacks.test_error_reports import report_of
from tests.cast import code_of, shows
from tests.headless.clients import App, Browser, errors_of, pending

pytestmark = pytest.mark.django_db

STAGE = ["auth/2fa/authenticate", "auth/webauthn/authenticate"]
INSIDE = ["auth/2fa/reauthenticate", "auth/webauthn/reauthenticate"]
OPEN = ["auth/webauthn/login"]
TOTP, PASSKEYS = "account/authenticators/totp", "account/authenticators/webauthn"
KEPT = [("POST", TOTP), ("POST", PASSKEYS), ("PUT", PASSKEYS), ("DELETE", PASSKEYS)]
READ = ["account/authenticators", TOTP, "account/authenticators/recovery-codes", PASSKEYS]

BODIES = {
    "nothing": b"",
    "no JSON": b"code=123456",
    "half of it": b'{"code": "123',
    "a list": b'["123456"]',
    "a text": b'"123456"',
    "null": b"null",
    "no UTF-8": b'{"code": "\xff\xfe"}',
    "half a character": rb'{"code": "\ud800"}',
    "half a character in a key": rb'{"\udfff": 1}',
    "many brackets": b"[" * 200_000,
    "many brackets inside": b'{"code": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "a long number": b'{"code": ' + b"9" * 5000 + b"}",
    "NUL": rb'{"code": "12345\u0000", "device": "\u0000", "credential": {"id": "\u0000"}}',
    "a list as code": b'{"code": ["123456"], "credential": ["x"]}',
    "an object as code": b'{"code": {"code": "123456"}, "credential": {"credential": {}}}',
    "true": b'{"code": true, "credential": true}',
    "a fraction": b'{"code": 1e400, "credential": -1.5}',
    "not a number": b'{"code": NaN, "credential": NaN}',
    "a megabyte": b'{"code": "' + b"1" * 1_000_000 + b'"}',
    "a megabyte of keys": b"{" + b",".join(b'"k%d": 1' % key for key in range(80_000)) + b"}",
    "more than Django reads": b'{"code": "' + b"1" * 3_000_000 + b'"}',
    "a device of nobody": b'{"code": "123456", "device": "otp_totp.totpdevice/999999"}',
    "a device that is none": b'{"code": "123456", "device": "../../etc/passwd"}',
    "a device that is a list": b'{"code": "123456", "device": [1]}',
    "other digits": '{"code": "١٢٣٤٥٦"}'.encode(),
}


@pytest.fixture(params=[Browser, App], ids=lambda client: client.__name__.lower())
def api(request):
    """A client that keeps cookies, and one that does not: what they post is read by the same code."""
    return request.param()


@pytest.fixture(params=BODIES, ids=lambda name: name.replace(" ", "-"))
def body(request) -> bytes:
    return BODIES[request.param]


@pytest.mark.parametrize("path", STAGE)
def test_a_login_that_waits_goes_on_waiting(api, alice, phone, path, body):
    api.log_in(alice)
    response = api.ask("POST", path, body=body)
    assert errors_of(response)
    assert pending(api.get("auth/session"))["id"] == "mfa_authenticate"
    type(phone).objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert api.answer(code_of(phone)).status_code == 200


@pytest.mark.parametrize("path", INSIDE)
def test_a_session_goes_on(api, alice, phone, path, body):
    api.log_in(alice)
    api.answer(code_of(phone))
    assert errors_of(api.ask("POST", path, body=body))
    assert api.user() == "alice"


@pytest.mark.parametrize(("method", "path"), KEPT)
def test_what_protects_the_account_stays(api, alice, phone, method, path, body, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    api.log_in(alice)
    api.answer(code_of(phone))
    # Whoever has an app sets no other one up here, whatever is posted.
    assert api.ask(method, path, body=body).status_code in {400, 409}
    assert [entry["device"] for entry in api.get(READ[0]).json()["data"]] == [phone.persistent_id]


@pytest.mark.parametrize("path", OPEN)
def test_a_visitor_stays_one(api, path, body):
    assert errors_of(api.ask("POST", path, body=body))
    assert api.user() is None


@pytest.mark.parametrize("path", [*STAGE, *INSIDE, *OPEN, *READ, "config", "auth/webauthn/signup"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_answered_in_the_same_format(api, alice, phone, path, method):
    for step in (lambda: None, lambda: api.log_in(alice), lambda: api.answer(code_of(phone))):
        step()
        response = api.ask(method, path, body=b"[")
        assert response.status_code in {200, 400, 401, 403, 404, 405, 409}
        if method in {"PATCH", "TRACE", "PROPFIND"}:
            assert response.status_code == 405
            assert "OPTIONS" in response["Allow"]


def test_what_a_client_accepts_and_says_of_the_body_changes_nothing(api, alice, phone):
    api.log_in(alice)
    url = f"/_allauth/{api.name}/v1/auth/2fa/authenticate"
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        response = api.client.generic("POST", url, b"code=1", content_type=content_type, headers={"Accept": "text/html", **api.headers()})
        assert (response.status_code, response["Content-Type"]) == (400, "application/json")


def test_no_answer_is_kept_by_a_cache(api, alice, phone):
    for response in (api.get("config"), api.log_in(alice), api.answer("000000"), api.ask("PATCH", STAGE[0])):
        assert "no-store" in response["Cache-Control"]


def test_a_report_of_an_error_shows_no_code(alice, phone, monkeypatch):
    def broken(user, text=""):
        raise RuntimeError

    browser = Browser()
    browser.log_in(alice)
    code = code_of(phone)
    monkeypatch.setattr("allauth_2fa.answers.verify.offers", broken)
    body = f'{{"code": "{code}"}}'
    report = report_of(_Posting(browser), "/_allauth/browser/v1/auth/2fa/authenticate", body)
    assert "RuntimeError" in report
    assert not shows(report, code)


class _Posting:
    """Posts JSON, for what expects a client of Django's."""

    def __init__(self, browser: Browser) -> None:
        self.client = browser.client

    def __setattr__(self, name: str, value: object) -> None:
        if name == "client":
            super().__setattr__(name, value)
        else:
            setattr(self.client, name, value)

    def post(self, url: str, body: str):
        return self.client.post(url, body, content_type="application/json")


@pytest.mark.parametrize("path", ["config", "auth/2fa/authenticate", "account/authenticators/totp"])
def test_the_methods_of_an_endpoint_are_named_to_whoever_may_use_it(api, alice, phone, path):
    api.log_in(alice)
    if path.startswith("account"):
        api.answer(code_of(phone))
    response = api.ask("OPTIONS", path)
    assert (response.status_code, response.content) == (200, b'{"status": 200}')
    assert "GET" in response["Allow"] or "POST" in response["Allow"]
