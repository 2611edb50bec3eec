"""Changes to somebody's devices, made in several browsers at the same moment."""

from __future__ import annotations

import re
from base64 import b32decode

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models import RecoveryDevice
from tests.cast import code_of

from .browser import Browser, at_once, fields_of

AUTHENTICATE, SETUP, CODES, REMOVE = map(
    reverse, ("two-factor-authenticate", "two-factor-setup", "two-factor-backup-tokens", "two-factor-remove")
)

BROWSERS = 8

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes need a while to start


def secret_on(page):
    """Return the secret that the page shows, as a device that makes its codes."""
    shown = re.search(r'id="two-factor-secret"[^>]*>([^<]+)<', page.text)
    assert shown, page.text
    return TOTPDevice(key=b32decode(shown[1].replace(" ", "")).hex())


@pytest.fixture
def no_error(site):
    """Check that none of the answers is an error page."""

    def check(answers):
        assert not [answer for answer in answers if answer.status >= 400], (answers, site.complaints.read_text())

    return check


@pytest.fixture
def verified(pending_login):
    """Make browsers in which the user is logged in by a second factor: one static token each."""

    def make(user, number=BROWSERS):
        device = StaticDevice.objects.create(user=user, name="the test's own")
        browsers = []
        for index, (browser, page) in enumerate(pending_login(user, number)):
            device.token_set.create(token=f"test{index}")
            assert browser.submit(AUTHENTICATE, page, otp_token=f"test{index}").status == 302
            browsers.append(browser)
        return browsers

    return make


@pytest.fixture
def logged_in(site):
    """Make browsers in which a user without a second factor is logged in."""

    def make(user, number=BROWSERS):
        browsers = [Browser(site.port) for _ in range(number)]
        for browser in browsers:
            browser.give_password(user)
        return browsers

    return make


def test_of_many_setups_at_once_one_counts(logged_in, no_error, alice):
    browsers = logged_in(alice)
    pages = at_once(browser.begin_get(SETUP) for browser in browsers)
    no_error(pages)
    answers = at_once(
        browser.begin(SETUP, fields_of(page, "otp_token") | {"otp_token": code_of(secret_on(page))})
        for browser, page in zip(browsers, pages, strict=True)
    )
    no_error(answers)
    # Each session was shown a secret of its own, and the last one counts: it may be that nobody has got through.
    # Who comes later is led on from the setup page as well.
    led_on = {secret_on(page).key for page, answer in zip(pages, answers, strict=True) if answer.location == CODES}
    confirmed = [device.key for device in TOTPDevice.objects.filter(user=alice, confirmed=True)]
    assert len(confirmed) == bool(led_on)
    assert led_on.issuperset(confirmed)


def test_one_code_confirms_a_setup_once(logged_in, no_error, alice):
    (browser,) = logged_in(alice, 1)
    page = browser.get(SETUP)
    fields = fields_of(page, "otp_token") | {"otp_token": code_of(secret_on(page))}
    answers = at_once(browser.begin(SETUP, fields) for _ in range(BROWSERS))
    no_error(answers)
    # Who comes later is led on from the setup page, at once or when it is loaded again; or to the login, once the
    # session has another key.
    assert {answer.status for answer in answers} == {302}
    assert CODES in {answer.location for answer in answers}
    assert TOTPDevice.objects.filter(user=alice, confirmed=True).count() == 1


@pytest.mark.parametrize("had_codes", [True, False])
def test_of_many_renewals_at_once_the_last_one_counts(verified, no_error, alice, phone, had_codes):
    if had_codes:
        registry.recovery.renew(alice, 3)
    browsers = verified(alice)
    pages = [browser.get(CODES) for browser in browsers]
    answers = at_once(
        browser.begin(CODES, {"csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]})
        for browser, page in zip(browsers, pages, strict=True)
    )
    no_error(answers)
    shown = [set(re.findall(r"\b(?:[0-9a-z]{4}-){3}[0-9a-z]{4}\b", answer.text)) for answer in answers]
    assert {len(codes) for codes in shown} == {10}
    device = RecoveryDevice.objects.get(user=alice)
    assert device.codes_left() == 10
    (valid,) = [codes for codes in shown if device.verify_token(min(codes))]
    assert all(device.verify_token(code) for code in valid - {min(valid)})


def test_a_removal_ends_the_logins_that_have_not_been_answered(verified, pending_login, no_error, alice, phone):
    (owner,) = verified(alice, 1)
    codes = registry.recovery.renew(alice, 5)
    tokens = [token.token for token in registry.static.renew(alice, 4)]
    answers_given = [*codes[1:], *tokens, code_of(phone), "000000", "wrong"]
    logins = pending_login(alice, len(answers_given))
    removal = owner.get(REMOVE)
    removed, *answers = at_once(
        [
            owner.begin(REMOVE, fields_of(removal, "otp_token") | {"otp_token": codes[0]}),
            *(
                browser.begin(AUTHENTICATE, fields_of(page, "otp_token") | {"otp_token": answer})
                for (browser, page), answer in zip(logins, answers_given, strict=True)
            ),
        ]
    )
    no_error([removed, *answers])
    assert removed.status == 302
    assert not any(factor.model.objects.filter(user=alice).exists() for factor in registry.factors())
    assert owner.is_logged_in(alice)
    # A user who answered before the removal was in, until it ended that; who was being let in while it ran may be in still.
    # Nobody else is, and nobody is caught in a loop.
    wrong = logins[-2:]
    assert not any(browser.is_logged_in(alice) for browser, _page in wrong)
    for (browser, _page), answer in zip(logins, answers, strict=True):
        assert answer.location == "/" or not browser.is_logged_in(alice), answer


def test_removals_in_many_browsers_at_once_all_end_well(verified, no_error, alice, phone):
    browsers = verified(alice)
    codes = registry.recovery.renew(alice, BROWSERS)
    pages = [browser.get(REMOVE) for browser in browsers]
    answers = at_once(
        browser.begin(REMOVE, fields_of(page, "otp_token") | {"otp_token": code})
        for browser, page, code in zip(browsers, pages, codes, strict=True)
    )
    no_error(answers)
    assert not any(factor.model.objects.filter(user=alice).exists() for factor in registry.factors())
