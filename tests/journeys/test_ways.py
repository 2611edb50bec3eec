"""The ways to answer: the page asks for one, and lists the others that this user has, each as a form of its own."""

from __future__ import annotations

import html
import re

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.budget import stored
from allauth_2fa.devices import manage
from allauth_2fa.exceptions import Locked, NotYet
from allauth_2fa.factors import base, registry
from allauth_2fa.models import Browser, RecoveryCode
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of

pytestmark = pytest.mark.django_db

CHALLENGE, REAUTHENTICATE, REMOVE, OVERVIEW = map(
    reverse, ("two-factor-authenticate", "two-factor-reauthenticate", "two-factor-remove", "two-factor-overview")
)


@pytest.fixture
def tablet(alice):
    return TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)


@pytest.fixture
def codes(alice, phone):
    return registry.recovery.renew(alice, 3)


@pytest.fixture
def lock(settings):
    """Block codes in each browser."""
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["1/365d"], "known": ["1/365d"]}
    settings.OTP_TOTP_THROTTLE_FACTOR = 0

    def fill(user):
        budget = stored.budget_for(user.pk, None)
        stored.write(budget, lambda held: held.failed())

    return fill


def titles(page):
    return [way.title for way in page.context["ways"]]


def forms_of(page):
    """Return what each form of the list posts, as a browser finds it on the page."""
    (listed,) = re.findall(r'<ul class="two-factor-devices two-factor-ways">.*?</ul>', page.text, re.DOTALL)
    fields = [re.findall(r'name="(\w+)"\s+value="([^"]*)"', form) for form in re.findall(r"<form.*?</form>", listed, re.DOTALL)]
    return [{name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"} for found in fields]


def hidden(page):
    """Return the hidden fields of the form with the code."""
    (form,) = [form for form in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if 'name="otp_token"' in form]
    return dict(re.findall(r'<input type="hidden" name="(device|way)" value="([^"]*)"', form))


# Which way is asked for


def test_of_several_devices_the_preferred_one_is_asked_and_no_select_box_is_shown(client, alice, phone, tablet):
    manage.prefer(tablet)
    give_password(client, alice)
    page = client.get(CHALLENGE)
    assert "Enter the 6-digit code from <strong>Tablet</strong>." in re.sub(r"\s+", " ", page.text)
    assert "<select" not in page.text
    assert hidden(page) == {"device": tablet.persistent_id}
    assert titles(page) == ["Work phone"]


def test_another_device_is_chosen_by_a_form_that_judges_nothing(client, alice, phone, tablet):
    manage.prefer(tablet)
    give_password(client, alice)
    (form,) = forms_of(client.get(CHALLENGE))
    assert form == {"device": phone.persistent_id, "action": "use"}
    page = client.post(CHALLENGE, form)
    assert "Enter the 6-digit code from <strong>Work phone</strong>." in re.sub(r"\s+", " ", page.text)
    assert page.context["form"].errors == {}
    assert titles(page) == ["Tablet"]
    assert Browser.all_rows.count() == 0
    # The code is judged as one of the device that is asked for.
    refused = client.post(CHALLENGE, {**hidden(page), "otp_token": code_of(tablet)})
    assert refused.context["asked"]["name"] == "Work phone"
    assert not is_logged_in(client)
    TOTPDevice.objects.update(throttling_failure_count=0)
    client.post(CHALLENGE, {**hidden(refused), "otp_token": code_of(phone)})
    assert is_logged_in(client)


def test_a_template_that_prints_the_choice_with_blanks_around_it_chooses_the_device(client, alice, phone, tablet):
    manage.prefer(tablet)
    give_password(client, alice)
    assert give_answer(client, code_of(phone), device=f"\n  {phone.persistent_id} ").status_code == 302
    assert client.session["otp_device_id"] == phone.persistent_id


def test_a_page_that_prints_no_choice_leaves_it_to_the_answer(client, alice, phone, tablet):
    manage.prefer(tablet)
    give_password(client, alice)
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


def test_a_user_with_one_device_and_no_codes_has_no_other_way(client, alice, phone):
    give_password(client, alice)
    page = client.get(CHALLENGE)
    assert page.context["ways"] == []
    assert "Use a different method" not in page.text
    assert hidden(page) == {}


def test_a_recovery_code_has_a_page_with_its_own_label(client, alice, phone, codes):
    give_password(client, alice)
    page = client.get(CHALLENGE)
    assert titles(page) == ["Recovery code"]
    page = client.post(CHALLENGE, forms_of(page)[0])
    assert "Enter a recovery code" in page.text
    assert str(page.context["form"].fields["otp_token"].label) == "Recovery code"
    assert "Enter one of your recovery codes." in page.text
    assert titles(page) == ["Work phone"]
    wrong = client.post(CHALLENGE, {**hidden(page), "otp_token": "0000-0000-0000-0000"})
    assert hidden(wrong) == {"way": "recovery_code"}
    assert str(wrong.context["form"].fields["otp_token"].label) == "Recovery code"
    client.post(CHALLENGE, {**hidden(wrong), "otp_token": codes[0]})
    assert is_logged_in(client)


def test_a_user_whose_codes_are_used_up_is_not_offered_one(client, alice, phone, codes):
    RecoveryCode.objects.all().delete()
    give_password(client, alice)
    assert titles(client.get(CHALLENGE)) == []


@pytest.mark.parametrize("way", ["", "nonsense", "<script>", "recovery_code "])
def test_a_way_that_there_is_not_is_none(client, alice, phone, codes, way):
    give_password(client, alice)
    page = client.post(CHALLENGE, {"action": "use", "way": way})
    assert page.context["way"] == ""
    assert page.context["asked"]["name"] == "Work phone"


def test_another_users_device_cannot_be_chosen(client, alice, phone, bob):
    other = TOTPDevice.objects.create(user=bob, name="Bob's secret phone", confirmed=True)
    give_password(client, alice)
    page = client.post(CHALLENGE, {"action": "use", "device": other.persistent_id})
    assert page.context["asked"]["name"] == "Work phone"
    assert "secret phone" not in page.text


def test_choosing_a_way_keeps_the_login_waiting(client, alice, phone, codes):
    give_password(client, alice)
    client.post(CHALLENGE, {"action": "use", "way": "recovery_code"})
    assert is_pending(client)
    assert not is_logged_in(client)


@pytest.mark.parametrize("url", [REAUTHENTICATE, REMOVE])
def test_the_other_pages_that_ask_list_them_too(client, alice, phone, tablet, codes, url):
    login_verified(client, alice, phone)
    page = client.get(f"{url}?next=/vault/")
    asked = page.context["asked"]["name"]
    assert titles(page) == [*({"Work phone", "Tablet"} - {asked}), "Recovery code"]
    *_devices, by_code = forms_of(page)
    page = client.post(f"{url}?next=/vault/", by_code)
    assert hidden(page) == {"way": "recovery_code"}
    assert client.post(f"{url}?next=/vault/", {**hidden(page), **by_code, "action": "", "otp_token": codes[0]}).status_code == 302


def test_the_reauthentication_goes_on_to_where_it_led_after_another_way_was_chosen(client, alice, phone, codes):
    login_verified(client, alice, phone)
    page = client.get(f"{REAUTHENTICATE}?next=/vault/")
    (form,) = forms_of(page)
    assert form["next"] == "/vault/"
    page = client.post(REAUTHENTICATE, form)
    assert 'name="next" value="/vault/"' in page.text
    assert client.post(REAUTHENTICATE, {**form, "action": "", "otp_token": codes[0]})["Location"] == "/vault/"


def test_the_removal_that_asks_for_no_code_lists_no_ways(client, alice, phone, codes, settings):
    settings.ALLAUTH_2FA_REQUIRE_OTP_ON_DEVICE_REMOVAL = False
    login_verified(client, alice, phone)
    page = client.get(REMOVE)
    assert page.context["ways"] == []
    assert client.post(REMOVE, {"action": "use", "way": "recovery_code"}).context["ways"] == []


@pytest.mark.parametrize("url", [REAUTHENTICATE, REMOVE])
def test_the_title_of_a_page_says_first_that_something_was_refused(client, alice, phone, url):
    login_verified(client, alice, phone)
    titles_of = [
        re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)[1].split()
        for page in (client.get(url), client.post(url, {"otp_token": wrong_code_of(phone)}))
    ]
    assert [title[0] == "Error:" for title in titles_of] == [False, True]


# A lock


def test_a_lock_says_what_happened_and_lists_the_ways_out_that_this_user_has(client, alice, phone, codes, lock):
    lock(alice)
    give_password(client, alice)
    page = client.get(CHALLENGE)
    assert page.context["lock"]
    assert "Too many wrong codes" in page.text
    assert 'name="otp_token"' not in page.text
    assert titles(page) == ["Recovery code", "Three codes in a row"]
    assert "From Work phone, one after another" in page.text
    assert "unlock your account" in page.text


def test_a_locked_user_without_recovery_codes_is_not_offered_one(client, alice, phone, lock):
    lock(alice)
    give_password(client, alice)
    assert titles(client.get(CHALLENGE)) == ["Three codes in a row"]


def test_a_locked_user_with_nothing_is_sent_to_support(client, alice, phone, lock, monkeypatch):
    monkeypatch.setattr(type(registry.totp), "is_sequence", lambda *_facts: False)
    lock(alice)
    give_password(client, alice)
    page = client.get(CHALLENGE)
    assert page.context["ways"] == []
    assert "Ask the site's support to unlock your account." in html.unescape(page.text)


def test_the_answer_that_meets_the_lock_leads_to_the_same_page(client, alice, phone, codes, lock):
    lock(alice)
    give_password(client, alice)
    page = give_answer(client, code_of(phone))
    assert page.context["lock"]
    assert isinstance(page.context["form"].refusal, Locked)
    assert page.text.count("Codes from new browsers are blocked") == 1
    assert titles(page) == ["Recovery code", "Three codes in a row"]


def test_a_recovery_code_opens_the_lock_by_the_forms_of_the_page(client, alice, phone, codes, lock):
    lock(alice)
    give_password(client, alice)
    page = client.post(CHALLENGE, forms_of(client.get(CHALLENGE))[0])
    assert not page.context["lock"]
    assert page.context["notice"] == ""
    client.post(CHALLENGE, {**hidden(page), "otp_token": codes[0]})
    assert is_logged_in(client)


@pytest.mark.parametrize("number", [1, 2])
def test_three_codes_in_a_row_open_it_by_the_forms_of_the_page(client, alice, phone, lock, number, request):
    if number > 1:
        request.getfixturevalue("tablet")
    lock(alice)
    give_password(client, alice)
    form = next(form for form in forms_of(client.get(CHALLENGE)) if form.get("device") == phone.persistent_id)
    page = client.post(CHALLENGE, form)
    assert "Enter three codes in a row" in page.text
    assert str(page.context["form"].fields["otp_token"].label) == "Three codes in a row"
    assert hidden(page) == {"device": phone.persistent_id, "way": "sequence"}
    one = client.post(CHALLENGE, {**hidden(page), "otp_token": code_of(phone)})
    # One code alone is refused here as everywhere, and the page stays the one for three.
    assert not is_logged_in(client)
    assert hidden(one) == hidden(page)
    client.post(CHALLENGE, {**hidden(one), "otp_token": " ".join(code_of(phone, at) for at in (-2, -1, 0))})
    assert is_logged_in(client)


def test_a_page_that_is_not_locked_offers_no_three_codes(client, alice, phone, codes):
    give_password(client, alice)
    assert titles(client.get(CHALLENGE)) == ["Recovery code"]


# A wait


def test_a_wait_is_counted_down_beside_its_time(client, alice, phone, settings):
    settings.ALLAUTH_2FA_FAILURE_LIMITS = {"unknown": ["1/4m"], "known": ["1/4m"]}
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    for page in (give_answer(client, code_of(phone)), client.get(CHALLENGE)):
        assert 0 < page.context["wait"]["seconds"] <= 240
        text = re.sub(r"\s+", " ", page.text)
        assert re.search(r'Next try: <span data-two-factor="countdown" data-seconds="\d+" data-done="now"', text)
        assert 'role="timer"' in text
        assert re.search(r'<time datetime="[^"]+" data-two-factor="time">', text)
    assert not page.context["lock"]


def test_there_is_no_countdown_for_a_wait_without_an_end(client, alice, phone, monkeypatch):
    def refuse(*_facts):
        raise NotYet

    monkeypatch.setattr(NotYet, "sentence", "Wait.")
    monkeypatch.setattr(type(registry.totp), "judge", refuse)
    give_password(client, alice)
    page = give_answer(client, code_of(phone))
    assert page.context["wait"] is None
    assert "Next try" not in page.text


# What is pasted


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your code is 361423", "361423"),
        ("361423 is your Example code. It expires in 10 minutes.", "361423"),
        ("Code: 361 423.", "361 423"),
        ("Code: 361-423", "361-423"),
        ("Ihr Code: 12345678\n", "12345678"),
        ("\u0631\u0645\u0632\u0643 \u0663\u0666\u0661\u0664\u0662\u0663", "\u0663\u0666\u0661\u0664\u0662\u0663"),
        ("361423", "361423"),
        (" 361 423 ", " 361 423 "),
        ("361423 123456 654321", "361423 123456 654321"),
        ("Use 361423 or 123456", "Use 361423 or 123456"),
        ("Call +44 7700900123456 now", "Call +44 7700900123456 now"),
        ("abcd-1234-5678-efgh", "abcd-1234-5678-efgh"),
        ("abcd 1234 5678 efgh", "abcd 1234 5678 efgh"),
        ("Your code is 12345", "Your code is 12345"),
        ("token4", "token4"),
        ("", ""),
    ],
)
def test_a_pasted_message_keeps_its_one_code(text, code):
    assert base.code_in(text) == code


def test_a_message_that_was_pasted_whole_opens_the_login(client, alice, phone):
    give_password(client, alice)
    give_answer(client, f"Your code for Example is {code_of(phone)}. Don't share it with anybody, not even with our own support team.")
    assert is_logged_in(client)


def test_a_recovery_code_is_taken_as_it_is(client, alice, phone, codes):
    give_password(client, alice)
    give_answer(client, codes[0].replace("-", " "))
    assert is_logged_in(client)
