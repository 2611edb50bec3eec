"""One code, posted at the same moment into many pending logins: a code counts once."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from allauth_2fa.factors import registry
from tests.cast import code_of

from .browser import at_once, fields_of
from .server import AT_ONCE, PROCESSES

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes need a while to start


def by_app(_user, phone):
    return code_of(phone)


def by_recovery_code(user, _phone):
    return registry.recovery.renew(user, 3)[0]


def by_static_token(user, _phone):
    StaticDevice.objects.create(user=user, name="backup").token_set.create(token="abcd2345")
    return "abcd2345"


@pytest.mark.parametrize("code", [by_app, by_recovery_code, by_static_token])
def test_of_many_logins_with_one_code_exactly_one_succeeds(code, site, pending_login, alice, phone):
    logins = pending_login(alice)
    answer = code(alice, phone)
    path = reverse("two-factor-authenticate")
    answers = at_once(browser.begin(path, fields_of(page, "otp_token") | {"otp_token": answer}) for browser, page in logins)
    assert not [answer for answer in answers if answer.is_error_page], site.complaints.read_text()
    assert len({answer.process for answer in answers}) == PROCESSES
    assert sorted(answer.status for answer in answers) == [200] * (AT_ONCE - 1) + [302]
    assert [browser.is_logged_in(alice) for browser, _page in logins] == [answer.status == 302 for answer in answers]


@pytest.mark.parametrize("code", [by_app, by_recovery_code, by_static_token])
def test_a_double_click_logs_in_once_and_breaks_nothing(code, site, pending_login, alice, phone):
    ((browser, page),) = pending_login(alice, 1)
    fields = fields_of(page, "otp_token") | {"otp_token": code(alice, phone)}
    answers = at_once(browser.begin(reverse("two-factor-authenticate"), fields) for _ in range(AT_ONCE // 4))
    assert not [answer for answer in answers if answer.status >= 400], site.complaints.read_text()
    assert [answer.location for answer in answers].count("/") == 1
