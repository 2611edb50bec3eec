"""Several devices: the overview, adding, naming, preferring, replacing and removing."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import DeviceOptions, RecoveryDevice
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, plant, wrong_code_of

pytestmark = pytest.mark.django_db

OVERVIEW = "/accounts/two-factor/factors/"
ADD = reverse("two-factor-add", args=["totp"])


def url(name, device):
    return reverse(name, args=[device.persistent_id])


def waiting():
    return TOTPDevice.objects.get(confirmed=False)


@pytest.fixture
def tablet(alice):
    return TOTPDevice.objects.create(user=alice, name="Tablet", confirmed=True)


@pytest.fixture
def verified(client, alice, phone):
    login_verified(client, alice, phone)
    return client


def test_the_overview_lists_the_devices_and_the_codes_that_are_left(verified, alice, phone, tablet):
    RecoveryDevice.renew(alice.pk, 2)
    page = verified.get(OVERVIEW).text
    assert phone.name in page
    assert "Tablet" in page
    assert "You have 2 unused recovery codes. Create new ones" in page
    assert "Not used yet" in page


def test_the_overview_without_a_device_leads_to_the_first_one(client, alice):
    client.force_login(alice)
    response = client.get(OVERVIEW)
    assert response.context["devices"] == []
    assert "Two-factor authentication is off." in response.text
    assert f'href="{ADD}"' in response.text


def test_the_overview_says_when_no_code_is_left(verified):
    assert "You have no recovery codes." in verified.get(OVERVIEW).text


def test_the_overview_is_for_people_who_are_logged_in(client):
    response = client.get(OVERVIEW)
    assert response.url == f"{reverse('account_login')}?next={OVERVIEW}"


def test_allauths_menu_leads_to_the_overview_where_allauth_mfa_is_absent():
    assert reverse("mfa_index") == reverse("two-factor-overview") == OVERVIEW


def test_another_app_is_added_by_its_first_code_and_can_be_used_at_once(verified, alice, phone):
    page = verified.get(ADD).text
    assert "<svg" in page
    new = waiting()
    response = verified.post(ADD, {"otp_token": code_of(new), "name": "Tablet"})
    assert response.url == OVERVIEW
    assert "Tablet is set up." in verified.get(OVERVIEW).text
    new.refresh_from_db()
    assert (new.confirmed, new.name) == (True, "Tablet")
    assert verified.session["otp_device_id"] == new.persistent_id
    verified.logout()
    new.last_t -= 1
    new.save()
    give_password(verified, alice)
    assert give_answer(verified, code_of(new), device=new.persistent_id).url == "/"


def test_the_first_device_may_be_added_there_too_and_brings_recovery_codes(client, alice):
    client.post(reverse("account_login"), {"login": alice.username, "password": "correct horse battery staple"})
    client.get(ADD)
    response = client.post(ADD, {"otp_token": code_of(waiting())})
    assert response.url == reverse("two-factor-backup-tokens")
    assert RecoveryDevice.objects.count() == 0
    assert client.get(response.url).context["shown_once"]


def test_a_further_device_makes_no_recovery_codes(verified):
    verified.get(ADD)
    verified.post(ADD, {"otp_token": code_of(waiting())})
    assert not verified.get(reverse("two-factor-backup-tokens")).context["shown_once"]


def test_a_wrong_first_code_leaves_everything_as_it_was(verified):
    verified.get(ADD)
    new = waiting()
    response = verified.post(ADD, {"otp_token": wrong_code_of(new), "name": "Tablet"})
    assert response.context["form"].errors["otp_token"] == ["That code is not right. Codes change every 30 seconds. Enter the current one."]
    assert 'value="Tablet"' in response.text
    assert waiting().key == new.key
    assert verified.get(ADD).context["secret"] == response.context["secret"]


def test_a_new_qr_code_is_made_on_request_alone(verified):
    verified.get(ADD)
    first = waiting().key
    verified.get(ADD)
    assert waiting().key == first
    assert verified.post(ADD, {"action": "replace"}).url == ADD
    verified.get(ADD)
    assert waiting().key != first


def test_a_second_click_leads_to_the_overview(verified):
    verified.get(ADD)
    code = code_of(waiting())
    verified.post(ADD, {"otp_token": code})
    assert verified.post(ADD, {"otp_token": code}).url == OVERVIEW
    assert TOTPDevice.objects.count() == 2


def test_what_another_session_began_to_add_is_not_shown_here(verified, alice, phone):
    verified.get(ADD)
    elsewhere = Client()
    login_verified(elsewhere, alice, phone)
    code = code_of(waiting())
    assert elsewhere.post(ADD, {"otp_token": code}).url == OVERVIEW
    assert TOTPDevice.objects.filter(confirmed=True).count() == 1
    seen = elsewhere.get(ADD).context["secret"]
    assert seen != verified.get(ADD).context["secret"]


@pytest.mark.parametrize("noted", ["x", [1, 2], ["otp_totp.totpdevice/1"], ["otp_totp.totpdevice/1", "x"], {"a": 1}])
def test_garbage_in_the_session_is_no_device(verified, alice, noted):
    verified.get(ADD)
    plant(verified, alice, adding=noted)
    assert verified.post(ADD, {"otp_token": "123456"}).url == OVERVIEW


def test_a_factor_that_users_cannot_add_is_not_found(verified):
    for factor in ("recovery_codes", "static", "nonsense"):
        assert verified.get(reverse("two-factor-add", args=[factor])).status_code == 404


def test_an_anonymous_visitor_adds_nothing(client):
    assert client.get(ADD).url == f"{reverse('account_login')}?next={ADD}"


def test_there_is_room_for_so_many_devices(verified, settings):
    settings.ALLAUTH_2FA_MAX_DEVICES = 1
    assert verified.get(ADD).url == OVERVIEW
    page = verified.get(OVERVIEW).text
    assert "You have reached the limit of devices." in page
    assert "You've reached the limit of 1 device." in page
    assert ADD not in page.replace(f"{ADD}?replaces", "")


def test_the_last_room_is_given_away_once(verified, settings, alice):
    settings.ALLAUTH_2FA_MAX_DEVICES = 2
    verified.get(ADD)
    new = waiting()
    TOTPDevice.objects.create(user=alice, name="faster", confirmed=True)
    assert verified.post(ADD, {"otp_token": code_of(new)}).url == OVERVIEW
    settings.ALLAUTH_2FA_MAX_DEVICES = 3
    assert verified.post(ADD, {"otp_token": code_of(new)}).url == OVERVIEW
    assert TOTPDevice.objects.filter(confirmed=True).count() == 3


def test_replacing_the_only_device_is_one_step(verified, phone):
    link = re.search(r'href="([^"]+replaces=[^"]+)"', verified.get(OVERVIEW).text).group(1)
    page = verified.get(link)
    assert f"It replaces <strong>{phone.name}</strong>" in page.text
    response = verified.post(link, {"otp_token": code_of(waiting()), "name": "New phone"})
    # It is not the user's first device: the recovery codes stay as they are.
    assert response.url == OVERVIEW
    (device,) = TOTPDevice.objects.all()
    assert device.name == "New phone"
    assert "New phone replaces your old device." in verified.get(OVERVIEW).text


def test_nobody_replaces_the_device_of_somebody_else(verified, bob):
    theirs = TOTPDevice.objects.create(user=bob, confirmed=True)
    link = f"{ADD}?replaces={theirs.persistent_id}"
    verified.get(link)
    verified.post(link, {"otp_token": code_of(waiting())})
    assert TOTPDevice.objects.filter(user=bob).exists()


def test_a_device_is_renamed_and_nothing_depends_on_its_name(verified, client, alice, phone):
    page = verified.get(url("two-factor-rename", phone))
    assert page.context["form"].initial["name"] == phone.name
    assert verified.post(url("two-factor-rename", phone), {"name": "<b>Brick</b>"}).url == OVERVIEW
    assert "&lt;b&gt;Brick&lt;/b&gt;" in verified.get(OVERVIEW).text
    verified.post(url("two-factor-rename", phone), {"name": ""})
    client.logout()
    give_password(client, alice)
    assert give_answer(client, code_of(phone)).url == "/"


def test_a_name_that_is_too_long_is_refused_at_its_field(verified, phone):
    response = verified.post(url("two-factor-rename", phone), {"name": "x" * 65})
    assert "name" in response.context["form"].errors
    phone.refresh_from_db()
    assert phone.name != "x" * 65


def test_the_preferred_device_is_asked_for_first(verified, client, alice, phone, tablet):
    assert verified.post(url("two-factor-prefer", tablet)).url == OVERVIEW
    assert "Default" in verified.get(OVERVIEW).text
    client.logout()
    give_password(client, alice)
    assert [device["id"] for device in client.get(reverse("two-factor-authenticate")).context["devices"]] == [
        tablet.persistent_id,
        phone.persistent_id,
    ]


def test_one_device_is_preferred_at_a_time_and_may_be_forgotten(verified, phone, tablet):
    verified.post(url("two-factor-prefer", tablet))
    verified.post(url("two-factor-prefer", phone))
    assert [note.device for note in DeviceOptions.objects.filter(preferred=True)] == [phone.persistent_id]
    verified.post(url("two-factor-prefer", phone), {"action": "forget"})
    assert not DeviceOptions.objects.filter(preferred=True).exists()


def test_a_preference_is_a_post(verified, phone):
    assert verified.get(url("two-factor-prefer", phone)).status_code == 405


def test_one_device_of_two_is_removed_and_the_other_goes_on(verified, client, alice, phone, tablet):
    verified.post(url("two-factor-prefer", tablet))
    assert "Tablet" in verified.get(url("two-factor-remove-device", tablet)).text
    assert verified.post(url("two-factor-remove-device", tablet)).url == OVERVIEW
    assert "Tablet was removed." in verified.get(OVERVIEW).text
    assert [device.pk for device in TOTPDevice.objects.all()] == [phone.pk]
    assert not DeviceOptions.objects.exists()


def test_the_session_that_removed_its_own_device_is_asked_for_the_other_one(verified, phone, tablet):
    verified.post(url("two-factor-remove-device", phone))
    response = verified.get(OVERVIEW)
    assert response.url.startswith(reverse("two-factor-authenticate"))
    assert give_answer(verified, code_of(tablet)).status_code == 302
    assert verified.get(OVERVIEW).status_code == 200


def test_the_last_device_is_removed_on_the_page_that_says_what_that_means(verified, phone):
    assert verified.post(url("two-factor-remove-device", phone)).url == reverse("two-factor-remove")
    assert TOTPDevice.objects.filter(pk=phone.pk).exists()


@pytest.mark.parametrize("name", ["two-factor-rename", "two-factor-remove-device", "two-factor-prefer"])
def test_the_device_of_somebody_else_is_not_found(verified, bob, name):
    theirs = TOTPDevice.objects.create(user=bob, confirmed=True, name="theirs")
    assert verified.post(url(name, theirs), {"name": "mine"}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.name == "theirs"
    assert not DeviceOptions.objects.exists()


@pytest.mark.parametrize("name", ["two-factor-rename", "two-factor-remove-device", "two-factor-prefer"])
@pytest.mark.parametrize("device", ["x", "otp_totp.totpdevice/0x1", "otp_totp.totpdevice/99999999999999999999", "auth.user/1"])
def test_an_address_of_no_device_is_not_found(verified, name, device):
    assert verified.post(reverse(name, args=[device])).status_code == 404


def test_recovery_codes_are_no_device_that_can_be_removed(verified, alice):
    RecoveryDevice.renew(alice.pk, 1)
    device = RecoveryDevice.objects.get()
    assert verified.post(url("two-factor-remove-device", device)).status_code == 404


@pytest.mark.parametrize("name", ["two-factor-rename", "two-factor-remove-device", "two-factor-add"])
def test_a_stale_authentication_changes_nothing(verified, phone, name):
    session = verified.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    address = ADD if name == "two-factor-add" else url(name, phone)
    response = verified.post(address, {"name": "x"})
    assert response.url.startswith(reverse("two-factor-reauthenticate"))
    phone.refresh_from_db()
    assert phone.name != "x"


@pytest.mark.parametrize("name", ["two-factor-rename", "two-factor-remove-device", "two-factor-prefer"])
def test_anonymous_visitors_change_nothing(client, phone, name):
    assert client.post(url(name, phone)).url.startswith(reverse("account_login"))


def test_turning_off_forgets_the_notes(verified, phone):
    verified.post(url("two-factor-prefer", phone))
    verified.post(reverse("two-factor-remove"), {"otp_token": code_of(phone)})
    assert not DeviceOptions.objects.exists()
