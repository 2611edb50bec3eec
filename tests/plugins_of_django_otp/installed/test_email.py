"""Codes by e-mail: added, sent, answered for, and how they fail."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import ClassVar

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sites.models import Site
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_email.models import EmailDevice

from allauth_2fa import mails
from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.answers import verify
from allauth_2fa.devices import enrollment, sending
from allauth_2fa.exceptions import AddressRefused, DeviceRefused, NotDelivered, NothingEnrolled, NotSent, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.factors.email import LEAST_WAIT, VALIDITY, masked
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, shows
from tests.concurrency.conftest import FAILURES, fail_before
from tests.plugins_of_django_otp.installed.conftest import age_sent_codes, code_in

pytestmark = pytest.mark.django_db

ADD = "/accounts/two-factor/factors/add/email/"
CHALLENGE = "/accounts/two-factor/authenticate/"
OVERVIEW = "/accounts/two-factor/factors/"
REAUTHENTICATE = "/accounts/two-factor/factors/reauthenticate/"


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def wrong(code):
    return "111 111" if code != "111 111" else "222 222"


def let_pass(seconds):
    """Let that many seconds pass for what was sent."""
    for device in EmailDevice.objects.all():
        device.valid_until -= timedelta(seconds=seconds)
        if device.last_generated_timestamp:
            device.last_generated_timestamp -= timedelta(seconds=seconds)
        device.save()
    age_sent_codes(seconds)


# Whether there is e-mail at all


def test_e_mail_is_no_factor_unless_the_site_says_so(client, alice):
    EmailDevice.objects.create(user=alice, name="Mail")
    assert registry.by_id("email") is None
    give_password(client, alice)
    assert is_logged_in(client)


def test_it_is_where_the_setting_names_it(settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "email"]
    assert [factor.id for factor in registry.factors()] == ["totp", "email"]


# Signing in


def test_the_code_of_a_mail_opens_the_login_that_it_was_sent_for(client, alice, mailbox):
    give_password(client, alice)
    assert is_pending(client)
    page = client.get(CHALLENGE).text
    assert "a•••@example.com" in page
    assert "alice@example.com" not in page
    assert "Weaker" in page
    (sent,) = mail.outbox
    assert sent.to == ["alice@example.com"]
    assert give_answer(client, code_in(sent)).status_code == 302
    assert client.session["otp_device_id"] == mailbox.persistent_id
    record = client.session["account_authentication_methods"][-1]
    assert (record["method"], record["type"]) == ("mfa", "email")


def test_the_mail_says_what_it_is_and_no_more_in_its_subject(client, alice, mailbox):
    give_password(client, alice)
    (sent,) = mail.outbox
    code = code_in(sent)
    assert sent.subject == "[example.com] Your sign-in code"
    for text in (sent.body, sent.alternatives[0].content):
        assert f"{code}" in text
        assert "This code expires in 10 minutes and works once." in text
        assert "from the network address 127.0.0.1" in text
        assert "If this wasn't you, someone knows your password. Change it now." in text
        assert "http" not in text
    assert not re.search(r"<(script|img|link|a)\b|url\(|@import", sent.alternatives[0].content), "it fetches nothing and leads nowhere"


def test_the_page_says_where_the_code_was_sent_and_when_another_one_can_be(client, alice, mailbox):
    give_password(client, alice)
    response = client.get(CHALLENGE)
    assert "Enter the code we sent to <strong><bdi>Mail (" in response.text
    at, seconds = response.context["resend"]["at"], response.context["resend"]["seconds"]
    mailbox.refresh_from_db()
    assert at == mailbox.last_generated_timestamp + timedelta(seconds=60)
    assert 0 < seconds <= 60
    assert "Next code:" in response.text
    assert f">{timezone.localtime(at):%H:%M:%S} " in response.text
    assert f'data-two-factor="countdown" data-seconds="{seconds}"' in response.text


def test_another_code_is_sent_when_that_time_has_come_and_replaces_the_first(client, alice, mailbox):
    give_password(client, alice)
    response = client.post(CHALLENGE, {"action": "send"})
    # It says so once, beside the button.
    assert response.context["notice"] == ""
    assert response.context["resend"]["seconds"] > 50
    let_pass(61)
    assert client.get(CHALLENGE).context["resend"] is None
    response = client.post(CHALLENGE, {"action": "send"})
    assert response.context["notice"].startswith("We sent a code to Mail (")
    assert response.context["resend"]["seconds"] == 60
    old, new = map(code_in, mail.outbox)
    assert old == new or message_of(give_answer(client, old)) == DeviceRefused().message
    EmailDevice.objects.update(throttling_failure_count=0)
    assert give_answer(client, new).status_code == 302


def test_a_code_holds_for_ten_minutes(client, alice, mailbox):
    give_password(client, alice)
    let_pass(VALIDITY - 5)
    assert client.get(CHALLENGE).status_code == 200
    let_pass(5)
    assert message_of(give_answer(client, code_in(mail.outbox[0]))) == NotSent().message
    mailbox.refresh_from_db()
    assert mailbox.throttling_failure_count == 1, "or tokens could be guessed through a code that has expired"
    assert not is_logged_in(client)


def test_a_wrong_code_after_those_ten_minutes_is_a_wrong_one(client, alice, mailbox):
    give_password(client, alice)
    let_pass(VALIDITY)
    assert message_of(give_answer(client, wrong(code_in(mail.outbox[0])))) == DeviceRefused().message


def test_how_long_a_code_holds_is_the_sites_choice(client, alice, mailbox, settings):
    settings.OTP_EMAIL_TOKEN_VALIDITY = 120
    give_password(client, alice)
    mailbox.refresh_from_db()
    assert timedelta(seconds=115) < mailbox.valid_until - timezone.now() <= timedelta(seconds=120)
    assert "This code expires in 2 minutes" in mail.outbox[0].body


@pytest.mark.parametrize(("asked", "wait"), [(0, LEAST_WAIT), (10, LEAST_WAIT), (300, 300)])
def test_the_wait_is_the_sites_choice_from_half_a_minute_on(alice, mailbox, settings, asked, wait):
    settings.OTP_EMAIL_COOLDOWN_DURATION = asked
    sending.send(None, alice, mailbox.persistent_id, ChallengeStore({}))
    mailbox.refresh_from_db()
    with pytest.raises(TooSoon) as refusal:
        sending.send(None, alice, mailbox.persistent_id, ChallengeStore({}))
    assert refusal.value.until == mailbox.last_generated_timestamp + timedelta(seconds=wait)
    let_pass(wait)
    sending.send(None, alice, mailbox.persistent_id, ChallengeStore({}))


def test_a_code_counts_once(client, alice, mailbox):
    give_password(client, alice)
    code = code_in(mail.outbox[0])
    give_answer(client, code)
    mailbox.refresh_from_db()
    assert (mailbox.token, mailbox.last_used_at is not None) == (None, True)
    other = Client()
    give_password(other, alice)
    give_answer(other, code)
    assert not is_logged_in(other)


def test_a_reauthentication_before_a_change_works_by_mail_too(client, alice, mailbox):
    give_password(client, alice)
    give_answer(client, code_in(mail.outbox[0]))
    page = client.post(f"{REAUTHENTICATE}?next=/private/", {"action": "send"})
    assert "We sent a code" in page.context["notice"]
    assert client.post(f"{REAUTHENTICATE}?next=/private/", {"otp_token": code_in(mail.outbox[1])})["Location"] == "/private/"


def test_an_app_and_a_mailbox_stand_side_by_side(client, alice, phone, mailbox):
    give_password(client, alice)
    assert mail.outbox == [], "the app is asked for first, and nobody wants a mail with each login"
    (way,) = client.get(CHALLENGE).context["ways"]
    assert (way.title, way.hint, way.action) == ("Mail", "We'll send a code to \u2066a•••@example.com\u2069", "send")
    response = client.post(CHALLENGE, {"action": way.action, "device": way.device})
    assert "Enter the code we sent to <strong><bdi>Mail" in response.text
    (way,) = response.context["ways"]
    assert (way.title, way.action) == ("Work phone", "use")
    # Sent once, it is not sent again by going there and back.
    response = client.post(CHALLENGE, {"action": way.action, "device": way.device})
    (way,) = response.context["ways"]
    assert (way.title, way.action) == ("Mail", "use")
    response = client.post(CHALLENGE, {"action": way.action, "device": way.device})
    assert len(mail.outbox) == 1
    assert response.context["asked"]["id"] == mailbox.persistent_id
    assert "Weaker" in response.text
    assert give_answer(client, code_in(mail.outbox[0]), device=mailbox.persistent_id).status_code == 302


def test_without_a_choice_a_code_goes_to_the_mailbox_that_it_was_sent_to(client, alice, phone, mailbox):
    give_password(client, alice)
    client.post(CHALLENGE, {"action": "send", "device": mailbox.persistent_id})
    assert give_answer(client, code_in(mail.outbox[0])).status_code == 302
    client.logout()
    give_password(client, alice)
    client.post(CHALLENGE, {"action": "send", "device": mailbox.persistent_id})
    assert give_answer(client, code_of(phone)).status_code == 302


# Addresses


@pytest.fixture
def another_address(alice, address):
    return EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True)


def test_an_address_is_added_by_the_code_that_is_sent_to_it(verified, alice, address, another_address):
    page = verified.get(ADD)
    assert page.context["facts_form"].fields["email"].choices == [(each.email, each.email) for each in (address, another_address)]
    assert "It protects you less than an app or a passkey." in page.text
    page = verified.post(ADD, {"action": "begin", "email": "alice@example.org"})
    assert page.context["detail"] == "a•••@example.org"
    assert "Next code:" in page.text
    (sent,) = mail.outbox
    assert sent.to == ["alice@example.org"]
    assert message_of(verified.post(ADD, {"otp_token": wrong(code_in(sent))})) == DeviceRefused().message
    EmailDevice.objects.update(throttling_failure_count=0)
    assert verified.post(ADD, {"otp_token": code_in(sent), "name": "Private mail"}).url == OVERVIEW
    device = EmailDevice.objects.get()
    assert (device.email, device.confirmed, device.name) == ("alice@example.org", True, "Private mail")
    overview = verified.get(OVERVIEW).text
    assert "a•••@example.org" in overview
    assert "Weaker" in overview


def test_an_address_is_offered_once(verified, alice, address, mailbox):
    EmailDevice.objects.update(email="Alice@Example.com")
    page = verified.get(ADD)
    assert "Your account has no other confirmed e-mail address." in page.text
    page = verified.post(ADD, {"action": "begin", "email": address.email})
    assert "Your account has no other confirmed e-mail address." in page.text
    assert EmailDevice.objects.count() == 1


@pytest.mark.parametrize("whose", ["bob's", "unverified", "nobody's", "header", "empty"])
def test_a_code_is_asked_for_to_no_other_address_by_a_forged_form(verified, alice, bob, address, whose):
    EmailAddress.objects.create(user=bob, email="bob@example.com", verified=True)
    EmailAddress.objects.create(user=alice, email="new@example.com", verified=False)
    forged = {
        "bob's": "bob@example.com",
        "unverified": "new@example.com",
        "nobody's": "nobody@example.com",
        "header": "alice@example.com\nBcc: bob@example.com",
        "empty": "",
    }[whose]
    page = verified.post(ADD, {"action": "begin", "email": forged})
    assert "email" in page.context["facts_form"].errors
    request = page.wsgi_request
    with pytest.raises(AddressRefused):
        enrollment.begin_another(request, alice, registry.by_id("email"), email=forged)
    assert mail.outbox == []
    assert not EmailDevice.objects.exists()


@pytest.mark.parametrize("lookalike", ["al\u0131ce@example.com", "ALICE@example.com", "alice@EXAMPLE.com", "alice@ex\u00e4mple.com"])
def test_mail_goes_to_the_verified_address_letter_for_letter(alice, address, lookalike):
    """A database may take a dotless i for a dotted one; then the mail would go to another mailbox."""
    device = EmailDevice.objects.create(user=alice, name="Mail", email=lookalike)
    if lookalike.lower() == address.email:
        sending.send(None, alice, device.persistent_id, ChallengeStore({}))
        assert mail.outbox[0].to == [address.email]
    else:
        with pytest.raises(AddressRefused):
            sending.send(None, alice, device.persistent_id, ChallengeStore({}))
        assert mail.outbox == []


@pytest.mark.parametrize("change", ["unverified", "removed", "given away"])
def test_an_address_that_is_no_longer_the_users_gets_nothing_and_answers_for_nobody(client, alice, bob, mailbox, change):
    give_password(client, alice)
    code = code_in(mail.outbox.pop())
    addresses = EmailAddress.objects.filter(email=mailbox.email)
    if change == "unverified":
        addresses.update(verified=False)
    elif change == "removed":
        addresses.delete()
    else:
        addresses.update(user=bob)
    assert message_of(give_answer(client, code)) == AddressRefused().message
    let_pass(61)
    assert client.post(CHALLENGE, {"action": "send"}).context["notice"] == AddressRefused().message
    assert mail.outbox == []
    client.logout()
    give_password(client, alice)
    assert is_pending(client), "and nobody gets in without a second factor"
    assert mail.outbox == []


def test_the_refusal_of_an_address_costs_what_a_wrong_code_costs(alice, mailbox):
    store = ChallengeStore({})
    sending.send(None, alice, mailbox.persistent_id, store)
    EmailAddress.objects.all().delete()
    with pytest.raises(AddressRefused):
        verify.answer(alice, "123456", mailbox.persistent_id, store=store)
    mailbox.refresh_from_db()
    assert mailbox.throttling_failure_count == 1


def test_a_device_that_was_removed_meanwhile_pays_nothing(alice, mailbox):
    EmailAddress.objects.all().delete()
    stale = EmailDevice.objects.get()
    EmailDevice.objects.all().delete()
    with pytest.raises(AddressRefused):
        registry.by_id("email").judge(stale, "123456")


def test_an_address_that_was_taken_away_during_the_setup_confirms_nothing(verified, another_address):
    verified.post(ADD, {"action": "begin", "email": another_address.email})
    another_address.delete()
    assert message_of(verified.post(ADD, {"otp_token": code_in(mail.outbox[0])})) == AddressRefused().message
    assert not EmailDevice.objects.filter(confirmed=True).exists()


@pytest.mark.usefixtures("_by_mail")
def test_a_user_without_any_address_has_nothing_sent(client, alice):
    type(alice).objects.update(email="")
    EmailDevice.objects.create(user=alice, name="Mail")
    give_password(client, alice)
    assert is_pending(client)
    assert client.get(CHALLENGE).status_code == 200
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("alice@example.com", "a•••@example.com"),
        ("al@example.com", "•••@example.com"),
        ("a@example.com", "•••@example.com"),
        ("\u00e5sa@ex\u00e4mple.com", "\u00e5•••@ex\u00e4mple.com"),
        ("asa@xn--d1acufc.com", "a•••@xn--d1acufc.com"),
        ('"a@b"@example.com', '"•••@example.com'),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_an_address_is_shown_all_but_hidden(address, shown):
    assert masked(address) == shown


# A login that waits for a device


@pytest.fixture
def _required(settings):
    settings.ALLAUTH_2FA_REQUIRED, settings.ALLAUTH_2FA_REQUIRED_FACTORS = "everyone", {"everyone": ["email"]}


@pytest.mark.usefixtures("_required")
def test_a_login_that_has_to_add_a_device_adds_an_address(client, alice, address):
    response = client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD}, follow=True)
    assert response.redirect_chain[-1][0] == ADD
    client.post(ADD, {"action": "begin", "email": address.email})
    assert not is_logged_in(client)
    client.post(ADD, {"otp_token": code_in(mail.outbox[-1])})
    assert is_logged_in(client)
    assert client.session["otp_device_id"] == EmailDevice.objects.get().persistent_id


@pytest.mark.usefixtures("_required", "_by_mail")
def test_such_a_login_of_somebody_without_an_address_is_told_so_and_led_nowhere(client, alice, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    response = client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD}, follow=True)
    assert "Your account has no other confirmed e-mail address." in response.text
    assert f'href="{OVERVIEW}"' not in response.text
    assert not is_logged_in(client)


# Queues and mail servers


class Queue(OTPAdapter):
    """Puts codes into a queue, too, of values that JSON can hold."""

    waiting: ClassVar[list[str]] = []

    def send_two_factor_mail(self, mail):
        assert mail.has_code
        self.waiting.append(json.dumps(mail.rendered()))


class NoQueue(OTPAdapter):
    """Has a queue that is down, and repeats what it was given."""

    lost: ClassVar[list[str]] = []

    def send_two_factor_mail(self, mail):
        self.lost.append(mail.context["code"])
        raise ConnectionError(mail.rendered()["body"])


def test_a_site_may_put_codes_into_its_queue(client, alice, mailbox, settings, monkeypatch):
    settings.ACCOUNT_ADAPTER = f"{__name__}.Queue"
    monkeypatch.setattr(Queue, "waiting", [])
    give_password(client, alice)
    assert mail.outbox == []
    (packed,) = Queue.waiting
    mails.send(json.loads(packed))
    give_answer(client, code_in(mail.outbox[0]))
    assert is_logged_in(client)


def test_a_queue_that_is_down_is_told_of_without_the_code(client, alice, mailbox, settings, caplog, monkeypatch):
    settings.ACCOUNT_ADAPTER = f"{__name__}.NoQueue"
    monkeypatch.setattr(NoQueue, "lost", [])
    give_password(client, alice)
    assert is_pending(client)
    let_pass(61)
    response = client.post(CHALLENGE, {"action": "send"})
    assert response.context["notice"] == "We could not send the code. Try again in a moment, or use a different method."
    assert "could not send its code: ConnectionError" in caplog.text
    assert len(NoQueue.lost) == 2
    for code in NoQueue.lost:
        assert code not in caplog.text + response.text
        assert not shows(caplog.text + response.text, code.replace(" ", ""))


@pytest.fixture
def lost(monkeypatch):
    """The mails of a server that fails, and says too much."""
    lost = []

    def fail(_self, messages):
        lost.extend(messages)
        message = f"cannot send {messages[0].body}"
        raise OSError(message)

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)
    return lost


def test_a_mail_server_that_fails_is_told_of_without_the_code(client, alice, mailbox, lost, caplog):
    give_password(client, alice)
    let_pass(61)
    response = client.post(CHALLENGE, {"action": "send"})
    assert response.context["notice"] == "We could not send the code. Try again in a moment, or use a different method."
    assert "OSError" in caplog.text
    kept = caplog.text + "".join(str(record.exc_info) for record in caplog.records) + response.text
    for code in map(code_in, lost):
        assert code not in kept
        assert not shows(kept, code.replace(" ", ""))


def test_a_code_that_was_not_delivered_opens_nothing(client, alice, mailbox, lost):
    give_password(client, alice)
    assert message_of(give_answer(client, code_in(lost[0]))) == NotSent().message
    assert not is_logged_in(client)


@pytest.mark.parametrize("where", ["address", "site"])
def test_what_would_add_a_header_is_not_delivered(alice, mailbox, site_called, where):
    if where == "address":
        EmailAddress.objects.update(email="alice@example.com\nBcc: eve@example.com")
        EmailDevice.objects.update(email="alice@example.com\nBcc: eve@example.com")
    else:
        site_called("Shop\nBcc: eve@example.com")
    with pytest.raises(NotDelivered):
        sending.send(None, alice, mailbox.persistent_id, ChallengeStore({}))
    assert mail.outbox == []


@pytest.fixture
def site_called():
    """Give the site another name."""

    def give(name):
        Site.objects.update(name=name)
        Site.objects.clear_cache()

    yield give
    Site.objects.clear_cache()


def test_names_are_no_templates_and_no_markup(client, alice, mailbox, site_called):
    site_called("{{ user.password }}<b>{% now 'Y' %}</b>")
    type(alice).objects.update(first_name="{{ code }}")
    EmailDevice.objects.update(name="{{ code }}<script>")
    give_password(client, alice)
    (sent,) = mail.outbox
    assert "{{ user.password }}<b>{% now 'Y' %}</b>" in sent.body
    assert "{{ user.password }}&lt;b&gt;" in sent.alternatives[0].content
    assert "{{ code }}&lt;script&gt; (" in client.get(CHALLENGE).text


# Attacks


def test_the_code_of_another_login_is_not_taken(client, alice, mailbox):
    give_password(client, alice)
    thief = Client()
    give_password(thief, alice)
    assert len(mail.outbox) == 1
    assert message_of(give_answer(thief, code_in(mail.outbox[0]))) == NotSent().message
    assert not is_logged_in(thief)
    assert give_answer(client, code_in(mail.outbox[0])).status_code == 302


def test_the_code_of_another_user_is_not_taken(client, alice, bob, mailbox):
    EmailAddress.objects.create(user=bob, email="bob@example.com", verified=True)
    theirs = EmailDevice.objects.create(user=bob, name="Bob's", email="bob@example.com")
    other = Client()
    give_password(other, bob)
    give_password(client, alice)
    (of_bob, of_alice) = map(code_in, mail.outbox)
    for device in (mailbox, theirs):
        EmailDevice.objects.update(throttling_failure_count=0)
        give_answer(client, of_bob if of_bob != of_alice else wrong(of_bob), device=device.persistent_id)
        assert not is_logged_in(client)
    theirs.refresh_from_db()
    assert theirs.token == of_bob.replace(" ", "")


def test_a_session_of_another_user_confirms_no_address(verified, alice, bob, another_address):
    verified.post(ADD, {"action": "begin", "email": another_address.email})
    thief = Client()
    give_password(thief, bob)
    assert thief.post(ADD, {"otp_token": code_in(mail.outbox[0])}).url == OVERVIEW
    assert not EmailDevice.objects.filter(confirmed=True).exists()


def test_another_session_of_the_same_user_confirms_no_address(verified, alice, phone, another_address):
    verified.post(ADD, {"action": "begin", "email": another_address.email})
    elsewhere = Client()
    login_verified(elsewhere, alice, phone)
    assert elsewhere.post(ADD, {"otp_token": code_in(mail.outbox[0])}).url == OVERVIEW
    assert not EmailDevice.objects.filter(confirmed=True).exists()


def test_many_logins_have_one_throttle_and_one_mail(client, alice, mailbox):
    fail_before(mailbox)
    give_password(client, alice)
    right = code_in(mail.outbox[0])
    assert message_of(give_answer(client, wrong(right))) == DeviceRefused().message
    for _login in range(3):
        browser = Client()
        give_password(browser, alice)
        browser.post(CHALLENGE, {"action": "send"})
    assert len(mail.outbox) == 1
    assert message_of(give_answer(client, right)).startswith("Too many tries.")
    mailbox.refresh_from_db()
    assert mailbox.throttling_failure_count == FAILURES + 1


def test_a_new_code_does_not_end_the_throttling(client, alice, mailbox):
    EmailDevice.objects.update(throttling_failure_count=12, throttling_failure_timestamp=timezone.now())
    give_password(client, alice)
    assert len(mail.outbox) == 1
    assert message_of(give_answer(client, code_in(mail.outbox[0]))).startswith("Too many tries.")


def test_the_code_is_kept_nowhere_but_in_the_device(client, alice, staff, mailbox, caplog):
    caplog.set_level("DEBUG", logger="allauth_2fa")
    give_password(client, alice)
    page = client.get(CHALLENGE)
    code = code_in(mail.outbox[0])
    bare = code.replace(" ", "")
    kept = caplog.text + page.text + str(dict(client.session)) + mail.outbox[0].subject
    assert code not in kept
    # As a number of its own: moments in the session have many digits.
    assert not shows(kept, bare)


def test_one_address_after_the_other_is_added_no_faster_than_codes_are_sent(verified, another_address, address):
    verified.post(ADD, {"action": "begin", "email": address.email})
    verified.post(ADD, {"action": "replace"})
    page = verified.post(ADD, {"action": "begin", "email": another_address.email})
    assert "You can get another in" in page.context["facts_form"].errors["email"][0]
    assert len(mail.outbox) == 1
    assert EmailDevice.objects.get().email == address.email, "the first one can still be confirmed"


def test_outside_of_a_request_the_mail_says_nothing_of_the_address(alice, mailbox):
    sending.send(None, alice, mailbox.persistent_id, ChallengeStore({}))
    assert "Requested on" in mail.outbox[0].body
    assert "network address" not in mail.outbox[0].body


def test_an_address_that_is_none_is_not_repeated(client, alice, mailbox):
    client.post(reverse("account_login"), {"login": "alice", "password": "correct horse battery staple"}, REMOTE_ADDR="evil.example")
    assert len(mail.outbox) == 1
    assert "evil" not in mail.outbox[0].body


def test_a_device_that_was_confirmed_meanwhile_takes_no_first_code(mailbox):
    with pytest.raises(NothingEnrolled):
        sending.take_first(mailbox, ChallengeStore({}))
