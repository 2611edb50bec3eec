"""Attack: send or plant anything at all, and look for an error page."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.attacks.test_other_login_views import who
from tests.cast import give_answer, give_password, is_logged_in, is_pending, log_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.attacks.urls")]

STRANGE = [
    *(
        "",
        " ",
        "\t\n",
        "\x00",
        "123\x00456",
        "1" * 5000,
        "0" * 64,
        "-1",
        "+12345",
        "1e5",
        "0x1F",
        "123 456",
        "----------------",
        "../../etc/passwd",
    ),
    *(
        "{}",
        '{"a": [1]}',
        "null",
        "' OR 1=1 --",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "%s%n",
        "\r\nSet-Cookie: a=b",
        "abcd-efgh-jkmn-pqrs",
    ),
    # Digits of other scripts, superscripts, fractions, Roman numerals, direction marks, ligatures, letters that grow when they are folded.
    *(
        "\u0661\u0662\u0663\u0664\u0665\u0666",
        "\uff11" * 6,
        "\u00b2" * 6,
        "\u00bd" * 6,
        "\u216b",
        "\u202e123456",
        "\U0001f600" * 6,
        "\ufffd",
    ),
    *("\u00e9" * 16, "\ufb01" * 16, "\u00df" * 16, "\u0130" * 16, "a" * 16),
]
PAGES = ["two-factor-setup", "two-factor-remove", "two-factor-reauthenticate", "two-factor-backup-tokens"]


def test_any_string_as_a_code_at_the_challenge_is_refused_on_the_page(client, alice, phone):
    give_password(client, alice)
    for text in STRANGE:
        response = give_answer(client, text)
        assert response.status_code == 200, text
        assert response.context["form"].errors, text
        assert "<script>alert" not in response.text
        assert not is_logged_in(client)
        assert is_pending(client)
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)


@pytest.mark.parametrize("page", ["two-factor-remove", "two-factor-reauthenticate"])
def test_any_string_as_a_code_in_a_session_is_refused_on_the_page(client, alice, phone, page):
    log_in(client, alice, phone)
    for text in STRANGE:
        assert client.post(reverse(page), {"otp_token": text, "device": text}).status_code == 200, text
        TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert TOTPDevice.objects.filter(confirmed=True).exists()
    assert is_logged_in(client)


def test_any_string_as_a_code_or_a_name_at_the_setup_is_refused_on_the_page(client, alice):
    give_password(client, alice)
    secret = client.get(reverse("two-factor-setup")).context["secret"]
    for text in STRANGE:
        response = client.post(reverse("two-factor-setup"), {"otp_token": text, "name": text})
        assert response.status_code == 200, text
        assert response.context["secret"] == secret
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


@pytest.mark.parametrize("page", [*PAGES, "two-factor-authenticate"])
def test_a_post_without_a_page_before_it_and_without_fields_is_no_error(client, alice, phone, bob, page):
    assert client.post(reverse(page)).status_code == 302
    give_password(client, alice)
    assert client.post(reverse(page)).status_code in {200, 302}
    give_password(client, bob)
    assert client.post(reverse(page)).status_code in {200, 302}


@pytest.mark.parametrize("value", ["", "1", "0", "x" * 3000, "é", "\x00", "{}", "true; secure"])
def test_any_marker_cookie_is_no_error_and_no_key(client, alice, phone, value):
    client.cookies["allauth_2fa_pending"] = value
    assert who(client)["user"] == ""
    give_password(client, alice)
    client.cookies["allauth_2fa_pending"] = value
    assert client.get("/who/").status_code in {200, 302}
    assert not is_logged_in(client)


VALUES = [None, 0, -1, 1e300, True, "", "x", "\x00", [], [1], [None], {}, {"a": 1}, [[]], "1", ["1", 0]]
KEYS = [
    "allauth_2fa_user_id",
    "allauth_2fa",
    "allauth_2fa_stopped",
]


@pytest.mark.parametrize("key", KEYS)
def test_garbage_in_a_key_of_ours_is_no_error_and_no_key_to_anything(client, alice, phone, bob, key):
    for value in VALUES:
        session = client.session
        session[key] = value
        session.save()
        client.cookies["sessionid"] = session.session_key
        client.cookies["allauth_2fa_pending"] = "1"
        assert who(client)["user"] == "", value
        assert client.get("/who/").status_code == 200
        give_password(client, alice)
        session = client.session
        session[key] = value
        session.save()
        assert who(client)["user"] == "", value
        assert client.get(reverse("two-factor-authenticate")).status_code in {200, 302}
        give_password(client, bob)
        session = client.session
        session[key] = value
        session.save()
        assert who(client)["user"] in {"bob", ""}, value
        for page in PAGES:
            assert client.get(reverse(page)).status_code in {200, 302}, value
        client.logout()


STATES = [
    *(None, 1, "x", [], {}, {"state": None}, {"state": {}}, {"state": {"stages": None}}, {"state": {"stages": []}}, {"state": "stages"}),
    {"state": {"stages": {"current": "mfa_authenticate"}}},
    {"state": {"stages": {"current": ["mfa_authenticate"]}}},
]


@pytest.mark.parametrize("index", range(len(STATES)))
def test_garbage_in_the_stash_is_no_error_of_ours_and_no_login(client, alice, phone, index):
    session = client.session
    session["account_login"] = STATES[index]
    session["allauth_2fa_user_id"] = str(alice.pk)
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.cookies["allauth_2fa_pending"] = "1"
    client.raise_request_exception = False  # allauth itself reads the stash on its own pages
    assert who(client)["user"] == ""
    assert client.get("/who/").status_code == 200
    give_answer(client, "123456")
    assert not is_logged_in(client)


PLANTED = [
    {"handled": True, "data": {}},
    {"handled": True, "data": {"proved_by": ["nothing yet"]}},
    {"handled": True, "data": {"proved_by": ["device", "otp_totp.totpdevice/999"]}},
    {"data": {"password": None}},
    {"data": {"password": 7}},
    {"data": {"password": "x"}},
    {"data": {"backend": ["x"], "password": "é"}},
    # What earlier builds kept.
    {"handled": True, "data": {"due": True, "device": "otp_totp.totpdevice/999"}},
    {"handled": True, "data": {"due": False, "mfa": True, "trusted": ["1", 1, "name"]}},
    *({"handled": True, "data": data} for data in (None, 1, "x", [], [["proved_by", ["not asked"]]])),
    *({"data": data} for data in (None, 1, "x", [])),
]


@pytest.mark.parametrize("index", range(len(PLANTED)))
def test_a_stage_state_without_a_second_factor_does_not_finish_a_login(client, alice, phone, index):
    give_password(client, alice)
    session = client.session
    login = session["account_login"]
    login["state"]["stages"]["mfa_authenticate"] = PLANTED[index]
    session["account_login"] = login
    session.save()
    client.get(reverse("two-factor-authenticate"))
    give_answer(client, "123456")
    assert not is_logged_in(client)
    assert who(client)["user"] == ""
