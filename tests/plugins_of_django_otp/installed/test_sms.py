"""Codes by SMS: numbers as people type them, added, sent and answered for. The gateway is reached over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.checks import run_checks
from django.test import Client
from django.utils import timezone
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa.devices import enrollment, sending
from allauth_2fa.exceptions import AlreadyAdded, NotDelivered, NotSent, NumberRefused, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.factors.sms import VALIDITY, WAIT, masked, read_number
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from tests.cast import give_answer, give_password, is_logged_in, is_pending
from tests.docs.pages import blocks, text_of
from tests.pager.models import VoiceDevice
from tests.plugins_of_django_otp.installed.conftest import age_sent_codes

pytestmark = pytest.mark.django_db

ADD = "/accounts/two-factor/factors/add/sms/"
CHALLENGE = "/accounts/two-factor/authenticate/"
OVERVIEW = "/accounts/two-factor/factors/"
NUMBER = "+447700900142"


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def let_pass(seconds):
    """Let that many seconds pass for what was sent, and for the limits that are counted in the cache."""
    cache.clear()
    for device in TwilioSMSDevice.objects.all():
        TwilioSMSDevice.objects.filter(pk=device.pk).update(valid_until=device.valid_until - timedelta(seconds=seconds))
    age_sent_codes(seconds)


# Signing in


def test_an_sms_goes_out_over_http_and_its_code_comes_back(client, alice, telephone, gateway):
    give_password(client, alice)
    assert is_pending(client)
    (message,) = gateway.sent
    assert message.number == NUMBER
    page = client.get(CHALLENGE).text
    assert "+44 ••• ••• 42" in page
    assert NUMBER not in page
    assert "Weaker" in page
    assert give_answer(client, message.code).status_code == 302
    record = client.session["account_authentication_methods"][-1]
    assert (record["method"], record["type"]) == ("mfa", "sms")


def test_the_code_of_a_message_counts_once_and_for_its_login_alone(client, alice, telephone, gateway):
    give_password(client, alice)
    thief = Client()
    give_password(thief, alice)
    code = gateway.sent[0].code
    assert message_of(give_answer(thief, code)) == NotSent().message
    assert give_answer(client, code).status_code == 302
    again = Client()
    give_password(again, alice)
    give_answer(again, code)
    assert not is_logged_in(again)


def test_a_code_holds_for_ten_minutes(client, alice, telephone, gateway):
    give_password(client, alice)
    let_pass(VALIDITY)
    assert message_of(give_answer(client, gateway.sent[0].code)) == NotSent().message


def test_how_long_a_code_holds_is_the_sites_choice(alice, telephone, settings):
    settings.OTP_TWILIO_TOKEN_VALIDITY = 120
    sending.send(None, alice, telephone.persistent_id, ChallengeStore({}))
    telephone.refresh_from_db()
    assert timedelta(seconds=115) < telephone.valid_until - timezone.now() <= timedelta(seconds=120)


@pytest.mark.parametrize("validity", [None, 20, 600])
def test_one_message_leaves_in_half_a_minute_whatever_the_cache_forgets(alice, telephone, gateway, settings, validity):
    if validity:
        settings.OTP_TWILIO_TOKEN_VALIDITY = validity
    sending.send(None, alice, telephone.persistent_id, ChallengeStore({}))
    let_pass(WAIT - 2)
    with pytest.raises(TooSoon) as refusal:
        sending.send(None, alice, telephone.persistent_id, ChallengeStore({}))
    assert timedelta(0) < refusal.value.until - timezone.now() <= timedelta(seconds=2)
    let_pass(2)
    sending.send(None, alice, telephone.persistent_id, ChallengeStore({}))
    assert len(gateway.sent) == 2


def test_the_page_says_when_another_message_can_be_sent(client, alice, telephone):
    give_password(client, alice)
    resend = client.get(CHALLENGE).context["resend"]
    assert WAIT - 5 < resend["seconds"] <= WAIT
    assert f">{timezone.localtime(resend['at']):%H:%M:%S} " in client.get(CHALLENGE).text


def test_a_gateway_that_is_out_of_order_is_told_of_and_not_asked_again_at_once(client, alice, telephone, gateway, caplog):
    gateway.is_broken = True
    give_password(client, alice)
    for _cache in ("full", "empty"):
        response = client.post(CHALLENGE, {"action": "send"})
        assert response.context["resend"]["seconds"] > 0
        let_pass(0)
    assert gateway.asked == 1
    assert message_of(give_answer(client, gateway.lost[0].code)) == NotSent().message
    let_pass(WAIT)
    assert client.post(CHALLENGE, {"action": "send"}).context["notice"] == NotDelivered().message
    assert gateway.asked == 2
    assert gateway.lost[1].code not in caplog.text


def test_a_check_names_codes_in_the_log(settings):
    assert "allauth_2fa.W022" not in {message.id for message in run_checks()}
    settings.OTP_TWILIO_NO_DELIVERY = True
    assert "allauth_2fa.W022" in {message.id for message in run_checks()}


# Adding


def test_a_number_is_added_by_the_code_that_is_sent_to_it(verified, alice, gateway):
    page = verified.get(ADD).text
    assert 'autocomplete="tel"' in page
    assert 'inputmode="tel"' in page
    page = verified.post(ADD, {"action": "begin", "number": "0044 (0)7700 900-142"})
    assert page.context["notice"] == "We sent a code to \u2066+44 ••• ••• 42\u2069. Enter it below."
    assert "Next code:" in page.text
    (message,) = gateway.sent
    assert message.number == NUMBER
    assert verified.post(ADD, {"otp_token": message.code, "name": "Telephone"}).url == OVERVIEW
    device = TwilioSMSDevice.objects.get()
    assert (device.number, device.confirmed, device.name) == (NUMBER, True, "Telephone")
    assert "+44 ••• ••• 42" in verified.get(OVERVIEW).text


def test_a_number_without_its_country_is_refused_at_its_field(verified, gateway):
    page = verified.post(ADD, {"action": "begin", "number": "07700 900142"})
    assert page.context["facts_form"].errors["number"] == ["Enter the number with its country code, for example +44 7700 900123."]
    assert 'value="07700 900142"' in page.text
    assert gateway.asked == 0
    assert not TwilioSMSDevice.objects.exists()


def test_a_number_is_added_once(verified, alice, telephone, gateway):
    page = verified.post(ADD, {"action": "begin", "number": "+44 7700 900 142"})
    assert page.context["facts_form"].errors["number"] == [AlreadyAdded().message]
    assert gateway.asked == 0


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+447700900142", NUMBER),
        (" +44 7700 900142\t", NUMBER),
        ("00447700900142", NUMBER),
        ("+44 (0) 7700-900.142", NUMBER),
        ("(+44) 7700/900142", NUMBER),
        ("+44\u00a07700\u2011900142", NUMBER),
        ("\uff0b\uff14\uff14 7700 900142", NUMBER),
        ("+\u0664\u0664 \u0667\u0667\u0660\u0660 900142", NUMBER),
        ("+6834000", "+6834000"),
        ("+1 555 555 0100", "+15555550100"),
    ],
)
def test_a_number_is_read_as_people_write_it(typed, number):
    assert read_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    [
        "07700900142",
        "447700900142",
        "",
        "+",
        "00",
        "+0447700900142",
        "++447700900142",
        "+44770090014200000",
        "+44123",
        "+44 7700 900142 x5",
        "+44 7700\x00900142",
        "tel:+447700900142",
        "+44\u00b27700900142;ext=1",
        "+447700900142,+15555550100",
        "+44770090\u216b42",
    ],
)
def test_what_is_no_number_of_a_country_is_refused(typed):
    with pytest.raises(NumberRefused):
        read_number(typed)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (NUMBER, "+44 ••• ••• 42"),
        ("+15555550100", "+1 ••• ••• 00"),
        ("+79161234567", "+7 ••• ••• 67"),
        ("+353861234567", "+353 ••• ••• 67"),
        ("+6834000", "+683 ••• ••• 00"),
        ("07700900142", "••• ••• 42"),
        ("", "••• •••"),
    ],
)
def test_a_number_is_shown_all_but_hidden(number, shown):
    assert masked(number) == shown


# Floods


def begin(browser, number):
    """Have a code sent to a new number, from the page."""
    return browser.post(ADD, {"action": "begin", "number": number})


def test_one_number_after_the_other_is_sent_to_no_faster_than_codes_are(verified, alice, phone, gateway):
    begin(verified, "+15555550100")
    for turn in range(3):
        let_pass(0)
        verified.post(ADD, {"action": "replace"})
        page = begin(verified, f"+1555555020{turn}")
        assert "You can get another in" in page.context["facts_form"].errors["number"][0]
    assert [message.number for message in gateway.sent] == ["+15555550100"]


def test_other_sessions_of_the_same_user_send_no_more(alice, phone, gateway):
    for turn in range(3):
        browser = Client()
        login_verified(browser, alice, phone)
        begin(browser, f"+1555555010{turn}")
        let_pass(0)
    assert [message.number for message in gateway.sent] == ["+15555550100"]


def test_the_button_sends_no_faster_either(verified, gateway):
    begin(verified, NUMBER)
    page = verified.post(ADD, {"action": "send"})
    assert page.context["notice"].startswith("We sent a code a moment ago. You can get another in")
    assert gateway.asked == 1


def test_there_is_a_limit_by_the_day_too(verified, gateway, settings):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_add": "2/d/key"}
    for turn in range(4):
        begin(verified, f"+1555555010{turn}")
        TwilioSMSDevice.objects.update(token=None)
    assert [message.number for message in gateway.sent] == ["+15555550100", "+15555550101"]
    assert verified.post(ADD, {"action": "send"}).context["notice"] == TooSoon().message


def test_a_refused_number_leaves_the_one_before_as_it_was(verified, gateway):
    begin(verified, NUMBER)
    begin(verified, "nonsense")
    assert verified.post(ADD, {"otp_token": gateway.sent[0].code}).url == OVERVIEW
    assert TwilioSMSDevice.objects.get().number == NUMBER


def test_the_code_of_a_number_that_was_replaced_confirms_nothing(verified, gateway):
    begin(verified, NUMBER)
    let_pass(WAIT)
    begin(verified, "+15555550100")
    assert len(gateway.sent) == 2
    assert message_of(verified.post(ADD, {"otp_token": gateway.sent[0].code})) != ""
    assert not TwilioSMSDevice.objects.filter(confirmed=True).exists()


# Devices of the project's own


def voice_factor():
    """Return the factor that the documentation shows, for the model of this project."""
    block = next(block for block in blocks(text_of("docs/sms.md"), "python") if "VoiceFactor" in block)
    values = {"__name__": __name__}
    exec(block.replace("phone.models", "tests.pager.models"), values)  # noqa: S102 - the block is the page's
    return values["VoiceFactor"]


VoiceFactor = voice_factor()


def test_a_telephone_may_be_called_instead(client, alice, telephone, gateway, settings):
    settings.ALLAUTH_2FA_FACTORS = [f"{__name__}.VoiceFactor", "recovery_codes"]
    VoiceDevice.spoken.clear()
    give_password(client, alice)
    assert gateway.asked == 0
    assert "+44 ••• ••• 42" in client.get(CHALLENGE).text
    assert give_answer(client, VoiceDevice.spoken[0]).status_code == 302
    assert client.session["account_authentication_methods"][-1]["type"] == "voice"


def test_a_proxy_that_nobody_names_leaves_the_telephones_to_their_factor(telephone):
    assert registry.factor_of(telephone).id == "sms"
    assert "pager.voicedevice" not in [factor.id for factor in registry.factors()]


def test_the_flow_asks_for_the_number_again_itself(rf, alice, client, gateway):
    request = rf.post("/")
    request.session = client.session
    with pytest.raises(NumberRefused):
        enrollment.begin_another(request, alice, registry.by_id("sms"), number="07700 900142")
