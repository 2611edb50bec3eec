"""An address to which codes go is removed or changed: that changes a factor. Proof first, told, and nobody left without a way in."""

from __future__ import annotations

import re

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.factors import registry
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending
from tests.plugins_of_django_otp.installed.conftest import code_in

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/accounts/email/"
REAUTHENTICATE = "/accounts/two-factor/factors/reauthenticate/"


@pytest.fixture
def other(alice, mailbox):
    """Another address of Alice's, her primary one."""
    address = EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True)
    address.set_as_primary()
    return address


@pytest.fixture
def inside(client, alice, phone, mailbox, other):
    """A browser in which Alice has just signed in by her app, and which has not been asked since."""
    login_verified(client, alice, phone)
    return client


@pytest.fixture
def proved(inside, phone):
    """One in which she has just been asked again."""
    prove(inside, phone)
    return inside


def prove(client, phone, url=REAUTHENTICATE):
    TOTPDevice.objects.update(last_t=-1)
    return client.post(url, {"otp_token": code_of(phone)})


def addresses():
    return set(EmailAddress.objects.values_list("email", flat=True))


def told():
    return [mail.subject for mail in mail.outbox]


def happened(*names):
    return list(AuditEntry.objects.filter(event__in=names).order_by("pk").values_list("event", flat=True))


# Proof first

CHANGES = [
    {"action_add": "", "email": "mallory@example.com"},
    {"action_remove": "", "email": "alice@example.com"},
    {"action_remove": "", "email": "alice@example.org"},
    {"action_primary": "", "email": "alice@example.com"},
]


def seen():
    return sorted(EmailAddress.objects.values_list("email", "primary", "verified"))


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_changed_by_the_session_and_the_password(inside, change):
    before = seen()
    response = inside.post(PAGE, change)
    assert response["Location"].startswith(REAUTHENTICATE)
    inside.post(reverse("account_reauthenticate") + f"?next={PAGE}", {"password": PASSWORD})
    inside.post(PAGE, change)
    assert seen() == before
    assert EmailDevice.objects.exists()


def test_the_change_resumes_after_the_answer(inside, phone):
    response = inside.post(PAGE, CHANGES[0])
    prove(inside, phone, response["Location"])
    assert "mallory@example.com" in addresses()


def test_a_user_whose_codes_go_to_no_address_is_asked_as_allauth_asks(client, alice, phone):
    login_verified(client, alice, phone)
    client.post(PAGE, CHANGES[0])
    assert "mallory@example.com" in addresses()


@pytest.mark.usefixtures("mailbox")
def test_somebody_elses_device_is_none_of_ones_business(client, bob):
    give_password(client, bob)
    client.post(PAGE, CHANGES[0])
    assert EmailAddress.objects.filter(user=bob, email="mallory@example.com").exists()


def test_other_parts_of_allauth_are_asked_for_as_they_are(rf, alice, mailbox):
    assert not get_adapter().is_reauthentication_required(app="allauth.account")
    assert not get_adapter().is_reauthentication_required(app="allauth.socialaccount")


# An address is removed


def test_a_device_goes_with_its_address_where_another_factor_is_left_and_the_owner_is_told(proved, alice):
    proved.post(PAGE, {"action_remove": "", "email": "Alice@example.com"})
    assert addresses() == {"alice@example.org"}
    assert not EmailDevice.objects.exists()
    assert happened("device_removed", "two_factor_off", "device_unreachable") == ["device_removed"]
    assert any("A device was removed" in subject for subject in told())
    row = AuditEntry.objects.get(event="device_removed")
    assert (row.user_id, row.actor_id, row.device) == (alice.pk, alice.pk, "Mail")


def test_the_address_of_the_last_factor_stays_and_the_page_says_why(client, alice, mailbox, other):
    give_password(client, alice)
    give_answer(client, code_in(mail.outbox[0]))
    EmailDevice.objects.update(last_generated_timestamp=None)
    response = client.post(PAGE, {"action_remove": "", "email": "alice@example.com"})
    client.get(response["Location"])
    client.post(response["Location"], {"action": "send"})
    client.post(response["Location"], {"otp_token": code_in(mail.outbox[1])})
    response = client.post(PAGE, {"action_remove": "", "email": "alice@example.com"})
    assert addresses() == {"alice@example.com", "alice@example.org"}
    assert EmailDevice.objects.exists()
    page = client.get(PAGE).text
    assert "We send your sign-in codes to alice@example.com" in page
    assert "You cannot remove your primary email address" not in page
    assert happened("device_removed", "two_factor_off") == []


def test_so_does_that_of_the_last_one_that_the_site_takes(proved, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everyone": ["email"]}
    proved.post(PAGE, {"action_remove": "", "email": "alice@example.com"})
    assert "alice@example.com" in addresses()
    assert EmailDevice.objects.exists()


def test_an_address_that_no_codes_go_to_is_removed_as_ever(proved, alice, other):
    EmailAddress.objects.get(email="alice@example.com").set_as_primary()
    proved.post(PAGE, {"action_remove": "", "email": other.email})
    assert addresses() == {"alice@example.com"}
    assert EmailDevice.objects.exists()


def test_allauths_own_reason_stands_in_allauths_words(proved, other):
    proved.post(PAGE, {"action_remove": "", "email": other.email})
    assert other.email in addresses()
    assert "You cannot remove your primary email address" in proved.get(PAGE).text


# An address replaces another one


@pytest.fixture
def moving(client, alice, phone, mailbox, settings):
    """The link that confirms Alice's new address, in a browser in which she has signed in by her app."""
    settings.ACCOUNT_CHANGE_EMAIL = True
    login_verified(client, alice, phone)
    prove(client, phone)
    client.post(PAGE, {"action_add": "", "email": "new@example.com"})
    assert addresses() == {"alice@example.com", "new@example.com"}
    return link_to("new@example.com")


def link_to(email, user="alice"):
    address = EmailAddress.objects.get(email=email, user__username=user)
    return reverse("account_confirm_email", args=[EmailConfirmationHMAC.create(address).key])


def where_codes_go():
    return EmailDevice.objects.get().email


def test_the_device_moves_along_with_the_owners_answer_and_the_owner_is_told(client, alice, moving):
    client.post(moving)
    assert addresses() == {"new@example.com"}
    assert where_codes_go() == "new@example.com"
    assert happened("device_moved", "device_removed", "device_unreachable") == ["device_moved"]
    assert any("The address of a device was changed" in subject for subject in told())


def test_codes_go_there_then(client, alice, phone, moving):
    client.post(moving)
    phone.delete()
    mail.outbox.clear()
    fresh = Client()
    give_password(fresh, alice)
    (sent,) = mail.outbox
    assert sent.to == ["new@example.com"]
    give_answer(fresh, code_in(sent))
    assert is_logged_in(fresh)


def test_somebody_with_the_link_alone_moves_nothing(alice, moving):
    response = Client().post(moving)
    assert response["Location"].startswith(reverse("account_login"))
    assert addresses() == {"alice@example.com", "new@example.com"}
    assert where_codes_go() == "alice@example.com"


def test_nor_does_another_user_with_the_link(bob, moving):
    other = Client()
    give_password(other, bob)
    other.post(moving)
    assert where_codes_go() == "alice@example.com"
    assert not EmailAddress.objects.get(email="new@example.com").verified


def test_an_authentication_that_is_too_old_is_asked_for_again_and_then_the_address_is_confirmed(client, phone, moving):
    session = client.session
    session["account_authentication_methods"] = [{**entry, "at": 1} for entry in session["account_authentication_methods"]]
    session.save()
    response = client.post(moving)
    assert response["Location"].startswith(REAUTHENTICATE)
    assert where_codes_go() == "alice@example.com"
    prove(client, phone, response["Location"])
    assert where_codes_go() == "new@example.com"
    assert addresses() == {"new@example.com"}


def test_a_confirmation_that_fails_moves_nothing(client, bob, moving):
    EmailAddress.objects.create(user=bob, email="new@example.com", verified=True)
    client.post(moving)
    assert where_codes_go() == "alice@example.com"
    assert happened("device_moved") == []


@pytest.mark.usefixtures("_by_mail")
def test_a_user_whose_codes_go_nowhere_confirms_an_address_as_ever(bob, settings):
    settings.ACCOUNT_CHANGE_EMAIL = True
    EmailAddress.objects.create(user=bob, email="bob@example.com", verified=True, primary=True)
    EmailAddress.objects.create(user=bob, email="new@example.com")
    Client().post(link_to("new@example.com", "bob"))
    assert addresses() == {"new@example.com"}


def test_a_further_address_that_replaces_none_moves_nothing(alice, mailbox):
    EmailAddress.objects.create(user=alice, email="new@example.com")
    Client().post(link_to("new@example.com"))
    assert EmailAddress.objects.get(email="new@example.com").verified
    assert where_codes_go() == "alice@example.com"


# An address goes in another way


def test_the_owner_is_told_of_a_last_device_that_nothing_can_be_sent_to_and_nobody_gets_in_without(client, alice, mailbox, other):
    EmailAddress.objects.filter(email="alice@example.com").delete()
    assert EmailDevice.objects.exists()
    assert happened("device_removed", "two_factor_off", "device_unreachable") == ["device_unreachable"]
    (sent,) = mail.outbox
    assert "Codes can no longer be sent to a device" in sent.subject
    assert "Sign in with a recovery code and add another device" in sent.body
    assert sent.to == [other.email]
    give_password(client, alice)
    assert is_pending(client)
    codes = registry.recovery.renew(alice, 3)
    give_answer(client, str(codes[0]))
    assert is_logged_in(client)


def test_a_device_goes_with_its_address_there_too_where_another_factor_is_left(alice, phone, mailbox):
    EmailAddress.objects.get(email="alice@example.com").delete()
    assert not EmailDevice.objects.exists()
    assert TOTPDevice.objects.exists()
    assert happened("device_removed", "two_factor_off", "device_unreachable") == ["device_removed"]


def test_one_that_the_site_requires_does_not(alice, phone, mailbox, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"everyone": ["email"]}
    EmailAddress.objects.get(email="alice@example.com").delete()
    assert happened("device_removed", "device_unreachable") == ["device_unreachable"]
    assert EmailDevice.objects.exists()


@pytest.mark.urls("tests.attacks.urls")
def test_a_login_by_a_code_to_a_new_address_moves_no_device_and_the_owner_is_told(client, alice, mailbox, settings):
    """Such a code confirms the address, past the page on which that is done."""
    settings.ACCOUNT_CHANGE_EMAIL = True
    settings.ACCOUNT_LOGIN_BY_CODE_ENABLED = True
    EmailAddress.objects.create(user=alice, email="new@example.com")
    client.post(reverse("account_request_login_code"), {"email": "new@example.com"})
    (sent,) = mail.outbox
    assert sent.to == ["new@example.com"]
    code = re.search(r"^\S{3,}-?\S{3,}$", sent.body, re.MULTILINE)[0]
    client.post(reverse("account_confirm_login_code"), {"code": code})
    assert addresses() == {"new@example.com"}
    assert where_codes_go() == "alice@example.com"
    assert not is_logged_in(client)
    assert is_pending(client)
    row = AuditEntry.objects.get(event="device_unreachable")
    assert (row.user_id, row.actor_id) == (alice.pk, alice.pk)


def test_a_staff_member_who_deletes_an_address_in_the_admin_is_named(client, staff, alice, mailbox):
    login_verified(client, staff)
    client.post(reverse("admin:account_emailaddress_delete", args=[EmailAddress.objects.get(user=alice).pk]), {"post": "yes"})
    assert AuditEntry.objects.get(event="device_unreachable").actor_id == staff.pk


def test_nothing_is_told_of_a_user_who_goes_with_the_address(alice, phone, mailbox):
    alice.delete()
    assert happened("device_removed", "device_unreachable") == []


def test_nothing_happens_where_the_address_is_there_again_in_other_letters(alice, mailbox):
    with transaction.atomic():
        EmailAddress.objects.get().delete()
        EmailAddress.objects.create(user=alice, email="Alice@Example.com", verified=True)
    assert happened("device_removed", "device_unreachable") == []
    assert EmailDevice.objects.exists()
