"""Adding a passkey: at its page, with a reauthentication before it, for use after the password or without one."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnAttestation, WebAuthnCredential, WebAuthnUserHandle

from allauth_2fa.devices import passkeys
from allauth_2fa.exceptions import NoRoom, PasskeyNotAdded
from allauth_2fa.models import DeviceOptions
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.testing import login_verified
from tests.cast import drop, give_password
from tests.contracts.test_documents import OF_OTHERS, documented_context
from tests.passkeys.authenticator import PRESENT, Authenticator, bytes_of, text_of

from .conftest import ADD, JSON, options_from

pytestmark = pytest.mark.django_db

OVERVIEW = "two-factor-overview"
CODES = "two-factor-backup-tokens"


def add(client, authenticator, name="Laptop", *, passwordless=False, **lies):
    """Add a passkey by the page."""
    box = {"passwordless": "on"} if passwordless else {}
    options = options_from(client, ADD, **box)
    return client.post(reverse(ADD), {"name": name, "credential": authenticator.create(options, **lies), **box})


@pytest.fixture
def logged_in(client, alice):
    give_password(client, alice)
    return client


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def the_only():
    return WebAuthnCredential.objects.get()


# The page


def test_the_overview_leads_to_the_page(logged_in):
    page = logged_in.get(reverse(OVERVIEW)).text
    assert f'href="{reverse(ADD)}"' in page
    assert "Passkey or security key" in page


def test_the_page_says_what_it_does_and_what_it_needs(logged_in):
    page = logged_in.get(reverse(ADD))
    assert "Phishing sites can&#x27;t use it." in page.text
    assert "Passkeys need JavaScript" in page.text
    assert "Sign in with it without a password" in page.text


def test_where_passkeys_do_not_sign_in_alone_there_is_no_box(logged_in, settings):
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = False
    assert "without a password" not in logged_in.get(reverse(ADD)).text


def test_where_the_factor_is_off_there_is_no_page(logged_in, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert logged_in.get(reverse(ADD)).status_code == 404


# The first one


def test_the_first_factor_may_be_a_passkey_and_leads_to_recovery_codes(logged_in, alice, authenticator):
    key_before = logged_in.session.session_key
    response = add(logged_in, authenticator)
    assert response["Location"] == reverse(CODES)
    passkey = the_only()
    assert (passkey.user, passkey.name, passkey.confirmed, passkey.sign_count) == (alice, "Laptop", True, 1)
    assert bytes(passkey.credential_id) == authenticator.id
    assert WebAuthnAttestation.objects.get().credential == passkey
    assert logged_in.session.session_key != key_before
    assert logged_in.session["otp_device_id"] == passkey.persistent_id
    page = logged_in.get(reverse(CODES))
    assert "Save these codes now; we show them only once." in page.text
    assert logged_in.get("/").wsgi_request.user.is_verified()


def test_next_is_carried_on(logged_in, authenticator):
    credential = authenticator.create(options_from(logged_in, ADD))
    response = logged_in.post(reverse(ADD) + "?next=/plain/", {"credential": credential})
    assert response["Location"] == reverse(CODES) + "?next=%2Fplain%2F"


# A further one


def test_a_further_passkey_leads_to_the_overview_which_names_it(verified, authenticator):
    assert add(verified, authenticator)["Location"] == reverse(OVERVIEW)
    page = verified.get(reverse(OVERVIEW)).text
    assert "Laptop is set up." in page
    assert "<strong>Laptop</strong>" in page


def test_it_replaces_another_device_and_the_browser_is_told_which_are_left(client, alice, passkey, authenticator):
    login_verified(client, alice, passkey)
    address = f"{reverse(ADD)}?replaces={passkey.persistent_id}"
    assert "It replaces <strong>Laptop</strong>" in client.get(address).text
    spare = Authenticator()
    credential = spare.create(options_from(client, ADD))
    client.post(address, {"credential": credential, "name": "New laptop"})
    assert the_only().name == "New laptop"
    page = client.get(reverse(OVERVIEW)).text
    assert text_of(spare.id) in page
    assert text_of(authenticator.id) not in page
    # Once is enough.
    assert text_of(spare.id) not in client.get(reverse(OVERVIEW)).text


def test_there_is_a_most(verified, settings, authenticator):
    options = options_from(verified, ADD)
    settings.ALLAUTH_2FA_MAX_DEVICES = 1
    assert verified.get(reverse(ADD))["Location"] == reverse(OVERVIEW)
    assert verified.post(reverse(ADD), {"credential": authenticator.create(options)})["Location"] == reverse(OVERVIEW)
    assert not WebAuthnCredential.objects.exists()


def test_the_most_is_looked_at_again_when_the_passkey_comes(client, alice, settings, authenticator):
    """Two pages at once: the first one has taken the last place."""
    give_password(client, alice)
    options = options_from(client, ADD)
    request = client.get("/").wsgi_request
    Authenticator().enroll(alice)
    settings.ALLAUTH_2FA_MAX_DEVICES = 1
    with pytest.raises(NoRoom):
        passkeys.add(request, alice, authenticator.create(options))


def test_one_that_comes_after_another_session_has_set_up_a_factor_needs_that_factor(client, alice, authenticator):
    """A user who knew the password alone may have begun before."""
    give_password(client, alice)
    options = options_from(client, ADD)
    request = client.get("/").wsgi_request
    Authenticator().enroll(alice)
    with pytest.raises(PasskeyNotAdded):
        passkeys.add(request, alice, authenticator.create(options))
    assert WebAuthnCredential.objects.count() == 1


def test_the_first_one_ends_the_other_sessions(logged_in, alice, authenticator):
    other = Client()
    give_password(other, alice)
    add(logged_in, authenticator)
    assert not other.get("/").wsgi_request.user.is_authenticated
    assert logged_in.get("/").wsgi_request.user.is_authenticated


@pytest.mark.parametrize("factors", [[], ["totp"]])
def test_a_change_of_somebody_without_passkeys_tells_the_browser_nothing(client, settings, alice, phone, factors):
    settings.ALLAUTH_2FA_FACTORS = factors
    tablet = TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)
    login_verified(client, alice, phone)
    client.post(reverse("two-factor-remove-device", args=[tablet.persistent_id]))
    assert TOTPDevice.objects.count() == 1
    assert "data-left" not in client.get(reverse(OVERVIEW)).text


def test_the_setup_of_an_app_leads_to_it(logged_in):
    page = logged_in.get(reverse("two-factor-setup")).text
    assert "Or use a different method:" in page
    assert f'href="{reverse(ADD)}"' in page


# What is asked of the browser


def test_after_the_password_a_security_key_gives_up_none_of_its_places(logged_in):
    selection = options_from(logged_in, ADD)["authenticatorSelection"]
    assert (selection["residentKey"], selection["requireResidentKey"], selection["userVerification"]) == ("discouraged", False, "preferred")


def test_without_a_password_the_device_keeps_it_and_checks_who_is_there(logged_in):
    selection = options_from(logged_in, ADD, passwordless="on")["authenticatorSelection"]
    assert (selection["residentKey"], selection["requireResidentKey"], selection["userVerification"]) == ("required", True, "required")


def test_the_options_name_the_site_the_account_and_the_passkeys_that_are_there(client, alice, passkey, authenticator):
    login_verified(client, alice, passkey)
    options = options_from(client, ADD)
    assert options["rp"] == {"id": "example.com", "name": "Example"}
    assert options["user"]["name"] == "alice"
    # Opaque: it tells nothing of the account.
    assert len(bytes_of(options["user"]["id"])) == 64
    assert bytes_of(options["user"]["id"]) == WebAuthnUserHandle.get_handle_for_user(alice)
    assert [entry["id"] for entry in options["excludeCredentials"]] == [text_of(authenticator.id)]
    assert options["timeout"] == 300_000


def test_a_challenge_is_long_and_another_one_each_time(logged_in):
    challenges = {options_from(logged_in, name)["challenge"] for name in (ADD, ADD)}
    assert len(challenges) == 2
    assert {len(bytes_of(challenge)) for challenge in challenges} == {64}


# Without a password


def test_a_user_who_ticks_the_box_can_sign_in_without_a_password(logged_in, authenticator):
    add(logged_in, authenticator, passwordless=True)
    assert DeviceOptions.objects.get().device == the_only().persistent_id
    assert DeviceOptions.objects.get().passwordless


def test_the_overview_says_which_ones_do(logged_in, authenticator):
    add(logged_in, authenticator, passwordless=True)
    logged_in.get(reverse(CODES))
    assert "signs in without a password" in logged_in.get(reverse(OVERVIEW)).text
    add(logged_in, Authenticator(), name="Blue key")
    details = {device["name"]: device["detail"] for device in logged_in.get(reverse(OVERVIEW)).context["devices"]}
    assert details == {"Laptop": "signs in without a password", "Blue key": ""}


def test_a_user_who_does_not_cannot(logged_in, authenticator):
    add(logged_in, authenticator)
    assert not DeviceOptions.objects.filter(passwordless=True).exists()


def test_options_of_an_earlier_one_with_the_same_key_give_it_nothing(logged_in, alice):
    earlier = Authenticator().enroll(alice, passwordless=True)
    drop(WebAuthnCredential.objects.all())
    DeviceOptions.objects.update(device=f"django_otp_webauthn.webauthncredential/{earlier.pk + 1}")
    add(logged_in, Authenticator())
    assert DeviceOptions.objects.get().device == the_only().persistent_id
    assert not DeviceOptions.objects.get().passwordless


def test_the_box_counts_when_the_question_is_put_and_not_later(logged_in, authenticator):
    options = options_from(logged_in, ADD)
    logged_in.post(reverse(ADD), {"credential": authenticator.create(options), "passwordless": "on"})
    assert the_only()
    assert not DeviceOptions.objects.filter(passwordless=True).exists()


def test_an_authenticator_that_does_not_check_who_is_there_is_refused_for_it(logged_in, authenticator):
    page = add(logged_in, authenticator, passwordless=True, flags=PRESENT)
    assert page.context["form"].non_field_errors() == ["The passkey could not be added. Try again, or choose another one."]
    assert not WebAuthnCredential.objects.exists()


def test_it_is_accepted_after_the_password(logged_in):
    add(logged_in, Authenticator(verifies=False))
    assert the_only()


def test_where_the_setting_was_turned_off_meanwhile_it_serves_after_the_password(logged_in, settings, authenticator):
    options = options_from(logged_in, ADD, passwordless="on")
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = False
    logged_in.post(reverse(ADD), {"credential": authenticator.create(options)})
    assert the_only()
    assert not DeviceOptions.objects.filter(passwordless=True).exists()
    assert options_from(logged_in, ADD, passwordless="on")["authenticatorSelection"]["userVerification"] == "preferred"


# What is refused


def test_a_form_without_a_passkey_says_what_to_do(logged_in):
    page = logged_in.post(reverse(ADD), {"name": "Laptop"})
    assert page.context["form"].non_field_errors() == [
        "No passkey was added. Press the button and follow the instructions of your browser."
    ]
    assert 'value="Laptop"' in page.text


def test_a_name_that_is_too_long_is_told_and_the_question_waits(logged_in, authenticator):
    credential = authenticator.create(options_from(logged_in, ADD))
    page = logged_in.post(reverse(ADD), {"name": "x" * 65, "credential": credential})
    assert page.context["form"].errors["name"]
    assert credential not in page.text
    assert not WebAuthnCredential.objects.exists()
    logged_in.post(reverse(ADD), {"name": "x" * 64, "credential": credential})
    assert the_only()


def test_a_form_of_the_sites_that_stores_nothing_adds_nothing(logged_in, settings, authenticator):
    settings.ALLAUTH_2FA_FORMS = {"add_passkey": "tests.passkeys.forms.IdleForm"}
    assert add(logged_in, authenticator).status_code == 200
    assert not logged_in.get("/").wsgi_request.user.is_verified()


# The reauthentication before it


def stale(client):
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 0}, {"method": "mfa", "at": 0}]
    session.save()


def test_nobody_comes_to_the_page_without_a_login(client):
    assert client.get(reverse(ADD))["Location"].startswith(reverse("account_login"))


def test_a_user_who_has_a_factor_proves_it_first(verified, authenticator):
    options = options_from(verified, ADD)
    stale(verified)
    assert verified.get(reverse(ADD))["Location"].startswith(reverse("two-factor-reauthenticate"))
    response = verified.post(reverse(ADD), {"credential": authenticator.create(options)})
    assert response["Location"].startswith(reverse("two-factor-reauthenticate"))
    assert not WebAuthnCredential.objects.exists()


def test_a_user_who_has_none_proves_the_password_first(logged_in):
    stale(logged_in)
    assert logged_in.get(reverse(ADD))["Location"].startswith(reverse("account_reauthenticate"))


def test_a_script_that_asks_too_late_has_the_page_loaded_and_nothing_resumes(verified):
    stale(verified)
    response = verified.post(reverse(ADD), {"action": "passkey"}, **JSON)
    assert (response.status_code, response.json()) == (409, {"reload": True})
    assert "account_reauthentication_state" not in verified.session


# What the documentation says of the page


def test_every_name_of_its_context_is_documented_and_every_documented_name_is_there(logged_in):
    context = logged_in.get(reverse(ADD)).context_data
    assert set(context) - OF_OTHERS == documented_context("add_passkey.html")


def test_a_user_who_may_not_answer_by_passkeys_adds_none(verified, settings, authenticator, alice):
    options = options_from(verified, ADD)
    settings.ACCOUNT_ADAPTER = "tests.passkeys.adapters.StrictAdapter"
    assert verified.get(reverse(ADD)).status_code == 404
    assert verified.post(reverse(ADD), {"action": "passkey"}, **JSON).status_code == 404
    assert verified.post(reverse(ADD), {"name": "Laptop", "credential": authenticator.create(options)}).status_code == 404
    assert not WebAuthnCredential.objects.exists()
    type(alice).objects.update(is_superuser=True)
    add(verified, authenticator)
    assert WebAuthnCredential.objects.exists()


def test_the_setup_of_an_app_offers_a_passkey_to_browsers_that_can_make_one(client, alice):
    give_password(client, alice)
    page = client.get(reverse("two-factor-setup"))
    assert page.context["passkey"]["url"] == reverse("two-factor-add-passkey")
    assert 'data-two-factor="passkey" hidden' in page.text


@pytest.mark.parametrize(
    ("aaguid", "typed", "name"),
    [
        ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "", "iCloud Keychain"),
        ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "My laptop", "My laptop"),
        ("00000000-0000-0000-0000-000000000000", "", ""),
    ],
)
def test_a_passkey_without_a_name_is_called_after_what_holds_it(logged_in, authenticator, aaguid, typed, name):
    key = authenticator
    add(logged_in, key, typed, attested=UUID(aaguid).bytes + len(key.id).to_bytes(2, "big") + key.id + key.public_key)
    assert the_only().name == name
    assert AuditEntry.objects.filter(event="device_added", device=name or WebAuthnCredential._meta.verbose_name).exists()


def test_the_box_for_logins_without_a_password_is_ticked(logged_in, settings):
    settings.ALLAUTH_2FA_PASSKEY_LOGIN = True
    (box,) = re.findall(r'<input type="checkbox" name="passwordless"[^>]*>', logged_in.get(reverse(ADD)).text)
    assert "checked" in box
