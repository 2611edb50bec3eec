"""An adapter that holds some users to more: what they may not answer by is asked for, and opens nothing."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.adapter import OTPAdapter
from allauth_2fa.answers import verify
from allauth_2fa.devices import enrollment, manage, sending
from allauth_2fa.exceptions import NotAllowed, NothingEnrolled
from allauth_2fa.factors import registry
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, is_logged_in, is_pending
from tests.plugins_of_django_otp.installed.conftest import code_in

pytestmark = pytest.mark.django_db

ADD = "/accounts/two-factor/factors/add/email/"
CHALLENGE = "/accounts/two-factor/authenticate/"
OVERVIEW = "/accounts/two-factor/factors/"


class StrictAdapter(OTPAdapter):
    """Holds staff to something better than e-mail."""

    def is_factor_allowed(self, user, factor_id):
        return not (user.is_staff and factor_id == "email")


@pytest.fixture(autouse=True)
def _strict(settings, _by_mail):
    settings.ACCOUNT_ADAPTER = f"{__name__}.StrictAdapter"


@pytest.fixture
def staff_mailbox(staff):
    EmailAddress.objects.create(user=staff, email=staff.email, verified=True, primary=True)
    return EmailDevice.objects.create(user=staff, name="Mail", email=staff.email)


def message_of(response):
    return response.context["form"].errors["otp_token"][0]


def test_a_user_who_has_nothing_else_is_not_logged_in_and_reads_why(client, staff, staff_mailbox):
    give_password(client, staff)
    assert is_pending(client)
    assert mail.outbox == []
    for page in (client.get(CHALLENGE), client.post(CHALLENGE, {"action": "send"})):
        assert page.context["notice"] == "Your account needs a stronger device than that one. Use a different method."
    assert mail.outbox == []
    assert give_answer(client, "123456").status_code == 200
    assert not is_logged_in(client)
    codes = registry.recovery.renew(staff, 1)
    assert give_answer(client, codes[0]).status_code == 302


def test_a_right_code_from_before_opens_nothing_and_is_used_up(staff, staff_mailbox, settings):
    store = ChallengeStore({})
    settings.ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
    sending.send(None, staff, staff_mailbox.persistent_id, store)
    settings.ACCOUNT_ADAPTER = f"{__name__}.StrictAdapter"
    with pytest.raises(NotAllowed):
        verify.answer(staff, code_in(mail.outbox[0]), staff_mailbox.persistent_id, store=store)
    staff_mailbox.refresh_from_db()
    assert staff_mailbox.token is None


def test_a_user_who_has_something_better_is_asked_for_that_alone(client, staff, staff_mailbox):
    phone = TOTPDevice.objects.create(user=staff, name="Phone")
    manage.prefer(staff_mailbox)
    give_password(client, staff)
    assert [device["name"] for device in client.get(CHALLENGE).context["devices"]] == ["Phone"]
    with pytest.raises(NothingEnrolled):
        verify.answer(staff, code_of(phone), staff_mailbox.persistent_id)
    assert give_answer(client, code_of(phone)).status_code == 302


def test_a_user_who_is_held_to_more_adds_no_such_device(client, staff, rf):
    phone = TOTPDevice.objects.create(user=staff, name="Phone")
    login_verified(client, staff, phone)
    assert "e-mail" not in [factor["label"] for factor in client.get(OVERVIEW).context["addable"]]
    assert client.get(ADD).status_code == 404
    request = rf.post("/")
    request.session = client.session
    with pytest.raises(NotAllowed):
        enrollment.begin_another(request, staff, registry.by_id("email"), email=staff.email)


def test_everybody_else_goes_on_as_before(client, alice, mailbox):
    give_password(client, alice)
    assert give_answer(client, code_in(mail.outbox[0])).status_code == 302


def test_an_adapter_without_the_hook_permits_everything(alice, mailbox, settings):
    settings.ACCOUNT_ADAPTER = "allauth.account.adapter.DefaultAccountAdapter"
    assert manage.is_allowed(alice, registry.by_id("email"))


class AppsForNobody(OTPAdapter):
    """Holds everybody to something better than an app."""

    def is_factor_allowed(self, user, factor_id):
        return factor_id != "totp"


SETUP = "/accounts/two-factor/setup/"


def test_a_user_who_may_not_answer_by_an_app_sets_none_up(client, alice, settings):
    give_password(client, alice)
    client.get(SETUP)
    waiting = TOTPDevice.objects.get(confirmed=False)
    settings.ACCOUNT_ADAPTER = f"{__name__}.AppsForNobody"
    assert client.get(SETUP)["Location"] == OVERVIEW
    assert client.post(SETUP, {"otp_token": code_of(waiting)})["Location"] == OVERVIEW
    assert "authenticator app" not in [factor["label"] for factor in client.get(OVERVIEW).context["addable"]]
    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_nor_in_the_middle_of_a_login(client, alice, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ACCOUNT_ADAPTER = f"{__name__}.AppsForNobody"
    give_password(client, alice)
    page = client.get(SETUP, follow=True)
    assert SETUP not in [url for url, _status in page.redirect_chain]
    assert page.status_code == 200
    assert not is_logged_in(client)
    assert not TOTPDevice.objects.exists()
