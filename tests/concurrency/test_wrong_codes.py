"""Many wrong codes at the same moment: they are judged one by one, and throttle nobody but the device they were for."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from tests.cast import code_of

from .browser import at_once, fields_of
from .conftest import FAILURES, fail_before
from .server import AT_ONCE

PATH = reverse("two-factor-authenticate")

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes need a while to start


def wrong_codes_of(phone, number):
    """Return different codes that the device shows at no time near now."""
    shown = {code_of(phone, offset) for offset in range(-60, 61)}
    return [code for code in map("{:06}".format, range(AT_ONCE * 10)) if code not in shown][:number]


def test_of_many_wrong_codes_one_is_judged(site, pending_login, alice, worn_phone):
    logins = pending_login(alice)
    codes = wrong_codes_of(worn_phone, AT_ONCE)
    answers = at_once(
        browser.begin(PATH, fields_of(page, "otp_token") | {"otp_token": code}) for (browser, page), code in zip(logins, codes, strict=True)
    )
    assert {answer.status for answer in answers} == {200}, site.complaints.read_text()
    assert sum("That code is not right" in answer.text for answer in answers) == 1
    assert sum("Too many tries" in answer.text for answer in answers) == AT_ONCE - 1
    worn_phone.refresh_from_db()
    assert worn_phone.throttling_failure_count == FAILURES + 1


def test_of_many_wrong_static_tokens_one_is_judged(site, pending_login, alice, phone):
    device = StaticDevice.objects.create(user=alice, name="backup")
    fail_before(device)
    device.token_set.create(token="abcd2345")
    answers = at_once(
        browser.begin(PATH, fields_of(page, "otp_token") | {"otp_token": f"wrong{number}"})
        for number, (browser, page) in enumerate(pending_login(alice))
    )
    assert {answer.status for answer in answers} == {200}, site.complaints.read_text()
    assert sum("That recovery code is not right" in answer.text for answer in answers) == 1
    assert sum("Too many tries" in answer.text for answer in answers) == AT_ONCE - 1
    device.refresh_from_db()
    phone.refresh_from_db()
    assert device.throttling_failure_count == FAILURES + 1
    assert phone.throttling_failure_count == 0


def test_wrong_codes_at_one_device_leave_the_others_alone(site, pending_login, alice, worn_phone):
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet")
    recovery_code = registry.recovery.renew(alice, 1)[0]
    logins = pending_login(alice)
    wrong = [(code, worn_phone) for code in wrong_codes_of(worn_phone, AT_ONCE - 2)]
    answers = at_once(
        browser.begin(PATH, fields_of(page, "otp_token") | {"otp_token": code, "device": device.persistent_id})
        for (browser, page), (code, device) in zip(logins[1:], [*wrong, (recovery_code, worn_phone)], strict=True)
    )
    assert [answer.status for answer in answers] == [200] * len(wrong) + [302], site.complaints.read_text()
    # While guesses are on their way, they hold what strangers together have. One of them was judged, and it has four left.
    (browser, page), *_others = logins
    assert browser.submit(PATH, page, otp_token=code_of(tablet), device=tablet.persistent_id).status == 302
    assert [browser.is_logged_in(alice) for browser, _page in logins] == [True, *[False] * len(wrong), True]
    worn_phone.refresh_from_db()
    tablet.refresh_from_db()
    assert (worn_phone.throttling_failure_count, tablet.throttling_failure_count) == (FAILURES + 1, 0)


def test_wrong_recovery_codes_do_not_keep_the_right_one_out(site, pending_login, alice, phone):
    right = registry.recovery.renew(alice, 3)[0]
    logins = pending_login(alice)
    wrong = [f"{number:04}-0000-0000-0000" for number in range(AT_ONCE - 1)]
    answers = at_once(
        browser.begin(PATH, fields_of(page, "otp_token") | {"otp_token": code})
        for (browser, page), code in zip(logins, [*wrong, right], strict=True)
    )
    assert [answer.status for answer in answers] == [200] * len(wrong) + [302], site.complaints.read_text()
    assert registry.recovery.unused(alice).count() == 2
    phone.refresh_from_db()
    assert phone.throttling_failure_count == 0


def test_the_right_code_among_wrong_ones_is_judged_or_throttled_and_never_an_error(site, pending_login, alice, phone):
    logins = pending_login(alice)
    codes = [*wrong_codes_of(phone, AT_ONCE - 1), code_of(phone)]
    answers = at_once(
        browser.begin(PATH, fields_of(page, "otp_token") | {"otp_token": code}) for (browser, page), code in zip(logins, codes, strict=True)
    )
    assert {answer.status for answer in answers[:-1]} == {200}, site.complaints.read_text()
    assert not answers[-1].is_error_page
    phone.refresh_from_db()
    assert (phone.last_t != -1) == (answers[-1].status == 302) == logins[-1][0].is_logged_in(alice)
