"""A user with few recovery codes left is told: by a message at each use and each login, and on the pages about them."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in

pytestmark = pytest.mark.django_db

PAGE, REAUTHENTICATE, OVERVIEW, REMOVE = map(
    reverse, ("two-factor-backup-tokens", "two-factor-reauthenticate", "two-factor-overview", "two-factor-remove")
)
LINK = f' <a href="{PAGE}">Create new recovery codes</a>'


@pytest.fixture
def give(alice, phone, settings):
    """Give Alice this number of codes: the first half hashed, the others readable as in 0.x."""
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 10

    def make(number):
        codes = registry.recovery.renew(alice, (number + 1) // 2) if number else []
        device = StaticDevice.objects.create(user=alice, name="backup")
        tokens = [f"token{at}" for at in range(number // 2)]
        for token in tokens:
            device.token_set.create(token=token)
        return [*codes, *tokens]

    return make


def told(response):
    """Return the messages about recovery codes that are shown next."""
    return [str(message) for message in get_messages(response.wsgi_request) if "recovery code" in str(message)]


def log_in(client, user, answer):
    give_password(client, user)
    response = give_answer(client, answer)
    assert is_logged_in(client)
    return response


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (5, "You used a recovery code. You have 4 left."),
        (4, "You used a recovery code. You have 3 left."),
        (3, "You used a recovery code. You have 2 left." + LINK),
        (2, "You used a recovery code. You have 1 left." + LINK),
        (1, "You used your last recovery code. If you lose your devices, you can&#x27;t sign in." + LINK),
    ],
)
@pytest.mark.parametrize("which", [0, -1])
def test_a_user_who_logs_in_by_a_code_is_told_how_many_are_left(client, alice, give, number, message, which):
    codes = give(number)
    assert told(log_in(client, alice, codes[which])) == [message]


@pytest.mark.parametrize(
    ("number", "messages"),
    [
        (3, []),
        (2, ["You have 2 recovery codes left." + LINK]),
        (1, ["You have 1 recovery code left." + LINK]),
        (0, ["You have no recovery codes. If you lose your devices, you can&#x27;t sign in." + LINK]),
    ],
)
def test_a_user_who_logs_in_by_another_device_is_told_of_few_once(client, alice, phone, give, number, messages):
    give(number)
    assert told(log_in(client, alice, code_of(phone))) == messages
    first, second = client.get(OVERVIEW).text, client.get(OVERVIEW).text
    for text in messages:
        assert (text in first, text in second) == (True, False)
    assert told(client.get("/")) == []


def test_the_reauthentication_tells_it_too_when_a_code_was_used(client, alice, phone, give):
    codes = give(3)
    login_verified(client, alice, phone)
    assert told(client.post(REAUTHENTICATE, {"otp_token": codes[0]})) == ["You used a recovery code. You have 2 left." + LINK]


def test_the_reauthentication_by_an_app_tells_nothing(client, alice, phone, give):
    give(1)
    login_verified(client, alice, phone)
    assert told(client.post(REAUTHENTICATE, {"otp_token": code_of(phone)})) == []


def test_the_removal_by_a_code_does_not_speak_of_codes_that_are_gone(client, alice, phone, give):
    codes = give(2)
    login_verified(client, alice, phone)
    assert told(client.post(REMOVE, {"otp_token": codes[0]})) == []


@pytest.mark.parametrize(
    ("number", "warning"),
    [
        (2, "You have 2 unused recovery codes. Create new ones before you run out, and keep them safe."),
        (1, "You have 1 unused recovery code. Create new ones before you run out, and keep them safe."),
        (0, "You have no recovery codes. Create some now, or you can't sign in if you lose your devices."),
    ],
)
@pytest.mark.parametrize("page", [PAGE, OVERVIEW])
def test_the_pages_warn_of_few(client, alice, phone, give, number, warning, page):
    give(number)
    login_verified(client, alice, phone)
    response = client.get(page)
    assert response.context["few_codes"] is True
    assert warning in response.text


@pytest.mark.parametrize("page", [PAGE, OVERVIEW])
def test_the_pages_do_not_warn_of_three(client, alice, phone, give, page):
    give(3)
    login_verified(client, alice, phone)
    response = client.get(page)
    assert response.context["few_codes"] is False
    assert "allauth_2fa/snippets/few_codes.html" not in [template.name for template in response.templates]


def test_new_codes_are_not_called_few(client, alice, phone, settings):
    settings.ALLAUTH_2FA_BACKUP_TOKENS_NUMBER = 2
    login_verified(client, alice, phone)
    made = client.post(PAGE)
    assert made.context["few_codes"] is False
    assert client.get(PAGE).context["few_codes"] is False
    client.logout()
    assert told(log_in(client, alice, code_of(phone))) == []
    client.logout()
    assert told(log_in(client, alice, str(made.context["backup_tokens"][0]))) == ["You used a recovery code. You have 1 left." + LINK]


def test_a_user_who_has_no_device_is_not_told_to_make_codes(client, bob):
    give_password(client, bob)
    assert client.get(OVERVIEW).context["few_codes"] is False


class QuietAdapter(OTPAdapter):
    """Keeps back what a login has to say, with the arguments that allauth had when 0.x was new."""

    def add_message(self, request, level, message_template, message_context=None, extra_tags=""):
        if message_context is None:
            super().add_message(request, level, message_template)


def test_an_adapter_that_keeps_the_message_back_is_obeyed(client, alice, phone, give, settings):
    settings.ACCOUNT_ADAPTER = f"{__name__}.QuietAdapter"
    codes = give(2)
    assert told(log_in(client, alice, codes[0])) == []


def test_a_site_without_messages_does_without(client, alice, phone, give, settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app not in {"django.contrib.messages", "django.contrib.admin"}]
    settings.MIDDLEWARE = [entry for entry in settings.MIDDLEWARE if "messages" not in entry]
    codes = give(2)
    log_in(client, alice, codes[0])


def test_a_message_that_was_there_before_is_shown_too(client, alice, phone, give):
    give(1)
    response = log_in(client, alice, code_of(phone))
    texts = [str(message) for message in get_messages(response.wsgi_request)]
    assert len(texts) == 2
    assert any(text.startswith("Successfully signed in") for text in texts)


def test_what_is_typed_into_a_message_stays_text(client, alice, phone, give, tmp_path, settings):
    folder = tmp_path / "allauth_2fa" / "messages"
    folder.mkdir(parents=True)
    (folder / "few_recovery_codes.txt").write_text("{{ codes_left }} left <b>& recovery code</b>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    give(1)
    assert told(log_in(client, alice, code_of(phone))) == ["1 left &lt;b&gt;&amp; recovery code&lt;/b&gt;" + LINK]
