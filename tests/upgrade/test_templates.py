"""Overrides of the four templates, as they stand in projects of 0.x."""

from __future__ import annotations

import re
from base64 import b32decode
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import code_of, drop, give_password, is_logged_in, wrong_code_of
from tests.upgrade.conftest import SHOP_TEMPLATES

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]

AUTHENTICATE = "/accounts/two-factor/authenticate/"
SETUP = "/accounts/two-factor/setup/"
TOKENS = "/accounts/two-factor/backup-tokens/"
REMOVE = "/accounts/two-factor/remove/"

OLD_BASE = "account/base.html"
NEW_BASES = ["allauth/layouts/base.html", "allauth_2fa/base_entrance.html", "allauth_2fa/base_manage.html"]


class Fields(HTMLParser):
    """The names and values of a page's inputs, hidden ones and all."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name"):
            self.found[given["name"]] = given.get("value") or ""


def post(client, path: str, **filled: str):
    """Post the form that is on the page, filled in."""
    fields = Fields(client.get(path).text).found
    assert set(filled) <= set(fields)
    return client.post(path, fields | filled)


@pytest.fixture(params=[OLD_BASE, *NEW_BASES])
def overrides(request, use_templates, tmp_path):
    """The shop's overrides, on its own old base or with their first line replaced."""
    if request.param == OLD_BASE:
        return use_templates(SHOP_TEMPLATES)
    copytree(SHOP_TEMPLATES / "allauth_2fa", tmp_path / "allauth_2fa")
    for template in tmp_path.glob("allauth_2fa/*.html"):
        template.write_text(template.read_text().replace(OLD_BASE, request.param))
    return use_templates(tmp_path)


@pytest.fixture
def browser(client):
    """A browser whose forms are checked for their CSRF token."""
    client.handler.enforce_csrf_checks = True
    return client


def log_in_by(browser, alice, code: str) -> None:
    post(browser, reverse("account_login"), login=alice.username, password="correct horse battery staple")
    post(browser, AUTHENTICATE, otp_token=code)


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_code_page_renders_and_works(browser, alice, phone):
    post(browser, reverse("account_login"), login=alice.username, password="correct horse battery staple")
    assert "The shop asks for a token" in browser.get(AUTHENTICATE).text
    refused = post(browser, AUTHENTICATE, otp_token=wrong_code_of(phone))
    assert "That code is not right" in refused.text
    phone.throttle_reset()
    post(browser, AUTHENTICATE, otp_token=code_of(phone))
    assert is_logged_in(browser)


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_setup_page_renders_and_works(browser, alice):
    post(browser, reverse("account_login"), login=alice.username, password="correct horse battery staple")
    page = browser.get(SETUP).text
    assert "The shop sets up a token" in page
    assert re.search(r'<img src="data:image/svg\+xml;base64,[\w+/=]{400,}" alt', page)
    device = TOTPDevice.objects.get()
    assert b32decode(re.search(r'id="secret">(\w+)<', page)[1]) == device.bin_key
    assert "That code is not right" in post(browser, SETUP, otp_token=wrong_code_of(device)).text
    post(browser, SETUP, otp_token=code_of(device))
    assert TOTPDevice.objects.get().confirmed


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_tokens_page_shows_new_tokens(browser, alice, phone):
    log_in_by(browser, alice, code_of(phone))
    page = browser.get(TOKENS)
    assert "There are no tokens." in page.text
    made = post(browser, TOKENS)
    assert "The shop's tokens" in made.text
    assert len(re.findall(r"<li>[\w-]{8,}</li>", made.text)) == 10


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_tokens_page_says_when_there_are_tokens_that_are_not_shown(browser, alice, phone):
    log_in_by(browser, alice, code_of(phone))
    post(browser, TOKENS)
    assert "There are tokens, which are not shown." in browser.get(TOKENS).text


@pytest.mark.usefixtures("overrides", "tokens")
def test_the_override_of_the_tokens_page_hides_what_0x_made(browser, alice, phone):
    log_in_by(browser, alice, code_of(phone))
    assert "There are tokens, which are not shown." in browser.get(TOKENS).text


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_tokens_page_shows_always_revealed_tokens(browser, alice, phone, settings, tokens):
    settings.ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS = True
    log_in_by(browser, alice, code_of(phone))
    assert all(f"<li>{token}</li>" in browser.get(TOKENS).text for token in tokens)


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_removal_page_renders_and_works(browser, alice, phone):
    log_in_by(browser, alice, code_of(phone, -1))
    page = browser.get(REMOVE).text
    assert "The shop turns it off" in page
    assert "A token is needed." in page
    post(browser, REMOVE, otp_token=code_of(phone))
    assert not TOTPDevice.objects.exists()


@pytest.mark.usefixtures("overrides")
def test_the_override_of_the_removal_page_works_where_no_code_is_asked_for(browser, alice, phone, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    log_in_by(browser, alice, code_of(phone))
    assert "A token is needed." not in browser.get(REMOVE).text
    post(browser, REMOVE)
    assert not TOTPDevice.objects.exists()


def test_the_upgrade_guide_names_a_base_that_is_tried_here():
    guide = (ROOT / "docs" / "upgrade.md").read_text()
    (base,) = re.findall(r"extend `account/base\.html`, change that to `([^`]+)`", guide)
    assert base in NEW_BASES


def test_our_own_pages_extend_nothing_that_allauth_removed(client, alice, phone):
    give_password(client, alice)
    pages = [client.get(AUTHENTICATE)]
    client.post(AUTHENTICATE, {"otp_token": code_of(phone)})
    pages += [client.get(TOKENS), client.get(REMOVE)]
    drop(type(phone).objects.all())
    pages += [client.get(SETUP)]
    for page in pages:
        names = [template.name for template in page.templates]
        assert page.status_code == 200
        assert "allauth/layouts/base.html" in names
        assert OLD_BASE not in names
