"""Codes that are sent, in a site of several processes that share a database and nothing else."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_static.models import StaticDevice
from otp_twilio.models import TwilioSMSDevice

# pytest finds fixtures by their names in this module.
from tests.concurrency.browser import at_once, fields_of
from tests.concurrency.conftest import FAILURES, alice, database, database_name, fail_before, pending_login  # noqa: F401
from tests.concurrency.server import AT_ONCE, PROCESSES, Site
from tests.plugins_of_django_otp.gateway import Gateway

ADD = "/accounts/two-factor/factors/add/sms/"
AUTHENTICATE = "/accounts/two-factor/authenticate/"
BROWSERS = 8

pytestmark = pytest.mark.timeout(180)  # on a busy machine the processes need a while to start


@pytest.fixture(scope="module")
def gateway():
    with closing(Gateway()) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def site(database_name, gateway, tmp_path_factory):  # noqa: F811 - the fixture
    """The project with e-mail and SMS, served by several processes."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "mails").mkdir()
    told = {
        "DJANGO_SETTINGS_MODULE": "tests.plugins_of_django_otp.served",
        "TEST_GATEWAY": gateway.url,
        "TEST_MAILS": str(folder / "mails"),
    }
    with closing(Site(database_name, folder / "complaints", **told)) as site:
        yield site


@pytest.fixture
def mails(site):
    """The mails that were sent in this test, as files."""
    folder = Path(site.complaints).parent / "mails"
    for mail in folder.iterdir():
        mail.unlink()
    return folder


@pytest.fixture(autouse=True)
def _nothing_sent(gateway):
    gateway.sent.clear()


@pytest.fixture
def mailbox(alice):  # noqa: F811 - the fixture
    address = f"{alice.username}@example.com"
    EmailAddress.objects.create(user=alice, email=address, verified=True, primary=True)
    return EmailDevice.objects.create(user=alice, name="Mail", email=address)


@pytest.fixture
def telephone(alice):  # noqa: F811 - the fixture
    return TwilioSMSDevice.objects.create(user=alice, name="Telephone", number="+447700900142")


def mailed_codes(folder):
    return [re.search(r"^ {4}(\d{3} \d{3})$", mail.read_text(), re.MULTILINE)[1] for mail in sorted(folder.iterdir())]


@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_of_many_logins_at_once_one_is_sent_a_code_and_opened_by_it(kind, site, pending_login, alice, gateway, mails, request):  # noqa: F811
    device = request.getfixturevalue(kind)
    logins = pending_login(alice)
    codes = mailed_codes(mails) + [message.code for message in gateway.sent]
    assert len(codes) == 1
    answers = at_once(browser.begin(AUTHENTICATE, fields_of(page, "otp_token") | {"otp_token": codes[0]}) for browser, page in logins)
    assert not [answer for answer in answers if answer.is_error_page], site.complaints.read_text()
    assert len({answer.process for answer in answers}) == PROCESSES
    assert sorted(answer.status for answer in answers) == [200] * (AT_ONCE - 1) + [302]
    device.refresh_from_db()
    assert device.token is None


@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_a_button_that_many_press_at_once_sends_one_code(kind, site, pending_login, alice, gateway, mails, request):  # noqa: F811
    device = request.getfixturevalue(kind)
    logins = pending_login(alice, BROWSERS)
    fresh = {"token": None, **({"last_generated_timestamp": None} if kind == "mailbox" else {})}
    type(device).objects.filter(pk=device.pk).update(**fresh)
    for mail in mails.iterdir():
        mail.unlink()
    gateway.sent.clear()
    answers = at_once(browser.begin(AUTHENTICATE, fields_of(page, "otp_token") | {"action": "send"}) for browser, page in logins)
    assert {answer.status for answer in answers} == {200}, site.complaints.read_text()
    # The first message has used up the limit in the cache of one process: if all that come first are served there, none is sent.
    sent = len(mailed_codes(mails)) + len(gateway.sent)
    assert sent == (1 if kind == "mailbox" else sum("We sent a code to" in answer.text for answer in answers)) <= 1


@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_of_many_wrong_codes_one_is_judged(kind, site, pending_login, alice, request):  # noqa: F811
    device = request.getfixturevalue(kind)
    fail_before(device)
    # The first of them is sent the code; its own session is what all of them answer in.
    ((browser, page),) = pending_login(alice, 1)
    device.refresh_from_db()
    wrong = [code for code in map("{:06}".format, range(AT_ONCE + 1)) if code != device.token][:AT_ONCE]
    answers = at_once(browser.begin(AUTHENTICATE, fields_of(page, "otp_token") | {"otp_token": code}) for code in wrong)
    assert {answer.status for answer in answers} == {200}, site.complaints.read_text()
    assert sum("That code is not right" in answer.text for answer in answers) == 1
    assert sum("Too many tries" in answer.text for answer in answers) == AT_ONCE - 1
    device.refresh_from_db()
    assert device.throttling_failure_count == FAILURES + 1


@pytest.fixture
def verified(pending_login, alice):  # noqa: F811 - the fixtures
    """Make browsers in which the user is logged in by a second factor: one static token each."""

    def make(number):
        tokens = StaticDevice.objects.create(user=alice, name="the test's own")
        phone = alice.totpdevice_set.create(name="Phone")
        browsers = []
        for index, (browser, page) in enumerate(pending_login(alice, number)):
            tokens.token_set.create(token=f"test{index}")
            assert browser.submit(AUTHENTICATE, page, otp_token=f"test{index}", device=phone.persistent_id).status == 302
            browsers.append(browser)
        return browsers

    return make


def test_many_sessions_that_add_a_number_each_at_once_send_one_message_at_the_most(site, verified, alice, gateway):  # noqa: F811
    browsers = verified(BROWSERS)
    forms = [fields_of(browser.get(ADD), "number") for browser in browsers]
    answers = at_once(
        browser.begin(ADD, form | {"number": f"+1555555010{index}"})
        for index, (browser, form) in enumerate(zip(browsers, forms, strict=True))
    )
    assert {answer.status for answer in answers} == {200}, site.complaints.read_text()
    # None at all, if the limit of its process was used up by a session whose number had been replaced by then.
    assert len(gateway.sent) <= 1
    device = TwilioSMSDevice.objects.get(user=alice)
    assert [message.number for message in gateway.sent] in ([], [device.number])
    assert not device.confirmed


def test_one_code_confirms_a_number_once(site, verified, alice, gateway):  # noqa: F811
    (browser,) = verified(1)
    page = browser.submit(ADD, browser.get(ADD), number="+15555550100")
    (message,) = gateway.sent
    fields = fields_of(page, "otp_token") | {"otp_token": message.code}
    answers = at_once(browser.begin(ADD, fields) for _ in range(BROWSERS))
    assert {answer.status for answer in answers} <= {200, 302}, site.complaints.read_text()
    assert reverse("two-factor-overview") in {answer.location for answer in answers}
    assert TwilioSMSDevice.objects.filter(user=alice, confirmed=True).count() == 1
