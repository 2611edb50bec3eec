"""A factor of the wrong kind: the site asks some users for more than they have."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.models import RecoveryDevice
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = pytest.mark.django_db

ENROLL, OVERVIEW = "/accounts/two-factor/factors/enroll/", "/accounts/two-factor/factors/"
ADD = "/accounts/two-factor/factors/add/totp/"
SETUP = "/accounts/two-factor/setup/"
SCRIPT = {"Sec-Fetch-Dest": "empty"}


@pytest.fixture(autouse=True)
def _only_apps_for_superusers(settings):
    """Staff need a factor, superusers an app."""
    settings.ALLAUTH_2FA_REQUIRED = "staff"
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["totp"]}


@pytest.fixture
def clerk(django_user_model):
    return django_user_model.objects.create_user("clerk", "clerk@example.com", PASSWORD, is_staff=True)


def token_of(user):
    return HOTPDevice.objects.create(user=user, name="Grey token")


def press(token):
    """Return the code that the token shows when its button is pressed."""
    token.refresh_from_db()
    return f"{oath.hotp(token.bin_key, token.counter):06d}"


def waiting():
    return TOTPDevice.objects.get(confirmed=False)


def test_a_factor_of_the_wrong_kind_is_asked_for_and_then_the_right_one_is_set_up(client, staff):
    token = token_of(staff)
    give_password(client, staff, "?next=/private/")
    response = give_answer(client, press(token))
    assert response["Location"] == ENROLL
    assert not is_logged_in(client)
    assert is_pending(client)
    assert client.get(ENROLL)["Location"] == ADD
    client.get(ADD)
    response = client.post(ADD, {"otp_token": code_of(waiting())})
    # It is not the first factor: recovery codes were made with that, and the login goes where it wanted.
    assert response["Location"] == "/private/"
    assert "staff" in client.get("/private/").text
    assert client.session["otp_device_id"] == TOTPDevice.objects.get().persistent_id
    assert HOTPDevice.objects.count() == 1


def test_it_satisfies_users_who_need_nothing_more(client, clerk):
    token = token_of(clerk)
    give_password(client, clerk)
    give_answer(client, press(token))
    assert "clerk" in client.get("/private/").text


def test_a_recovery_code_leads_to_the_setup_too(client, staff):
    token_of(staff)
    codes = RecoveryDevice.renew(staff.pk, 3)
    give_password(client, staff)
    assert give_answer(client, codes[0])["Location"] == ENROLL
    client.get(ADD)
    client.post(ADD, {"otp_token": code_of(waiting())})
    assert "staff" in client.get("/private/").text


def test_a_login_that_waits_adds_no_device_that_does_not_satisfy(client, staff, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "hotp", "tests.plugins_of_django_otp.installed.test_requirement.Gadget"]
    give_password(client, staff)
    assert is_pending(client)
    assert client.get("/accounts/two-factor/factors/add/gadget/").status_code == 404
    assert client.post("/accounts/two-factor/factors/add/gadget/", {"action": "begin"}).status_code == 404
    assert client.get(ADD).status_code == 200


def test_a_login_that_waits_replaces_no_device(client, staff):
    token = token_of(staff)
    give_password(client, staff)
    give_answer(client, press(token))
    address = f"{ADD}?replaces={token.persistent_id}"
    assert "Grey token" not in client.get(address).text
    client.post(address, {"otp_token": code_of(waiting())})
    assert is_logged_in(client)
    assert HOTPDevice.objects.count() == 1


def test_a_running_session_by_the_wrong_kind_is_led_to_the_setup_and_the_overview_says_what_will_do(client, staff):
    login_verified(client, staff, token_of(staff))
    response = client.get("/private/")
    assert response["Location"] == f"{SETUP}?next=%2Fprivate%2F"
    body = client.get("/private/", headers=SCRIPT).json()
    assert body["data"]["flows"][0]["types"] == ["totp"]
    page = client.get(OVERVIEW)
    assert page.status_code == 200
    assert "You can use: authenticator app." in " ".join(page.text.split())
    assert client.get(SETUP).status_code == 200
    client.post(SETUP, {"otp_token": code_of(waiting())})
    assert "staff" in client.get("/private/").text


def test_the_last_device_that_satisfies_stays_and_the_others_may_go(client, staff):
    app = TOTPDevice.objects.create(user=staff, name="Phone")
    token, other = token_of(staff), token_of(staff)
    login_verified(client, staff, app)
    remove = "two-factor-remove-device"
    assert client.post(reverse(remove, args=[app.persistent_id]))["Location"] == OVERVIEW
    assert TOTPDevice.objects.count() == 1
    for device in (token, other):
        client.post(reverse(remove, args=[device.persistent_id]))
    assert not HOTPDevice.objects.exists()
    assert TOTPDevice.objects.count() == 1


def test_the_last_device_that_satisfies_is_not_replaced_by_one_that_does_not(client, staff, settings):
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["hotp"]}
    token = token_of(staff)
    login_verified(client, staff, token)
    address = f"{ADD}?replaces={token.persistent_id}"
    client.get(address)
    client.post(address, {"otp_token": code_of(waiting())})
    assert HOTPDevice.objects.count() == 1
    assert "this is your last device for it" in client.get(OVERVIEW).text


def test_the_last_device_of_all_stays_even_where_it_does_not_satisfy(client, staff):
    token, other = token_of(staff), token_of(staff)
    login_verified(client, staff, token)
    for device in (other, token):
        client.post(reverse("two-factor-remove-device", args=[device.persistent_id]))
    assert HOTPDevice.objects.get() == token


def test_a_user_who_has_no_room_for_the_right_kind_is_logged_in_as_far_as_the_overview(client, staff, settings):
    settings.ALLAUTH_2FA_MAX_DEVICES = 2
    token, other = token_of(staff), token_of(staff)
    give_password(client, staff)
    assert give_answer(client, press(token), device=token.persistent_id)["Location"] == "/"
    assert client.get("/private/")["Location"] == f"{SETUP}?next=%2Fprivate%2F"
    client.post(reverse("two-factor-remove-device", args=[other.persistent_id]))
    client.get(ADD)
    client.post(ADD, {"otp_token": code_of(waiting())})
    assert "staff" in client.get("/private/").text


@pytest.mark.parametrize("others", [0, 1])
def test_a_login_that_waits_adds_nothing_once_the_device_it_was_proved_by_is_removed(client, staff, others):
    lost, kept = token_of(staff), [token_of(staff) for _number in range(others)]
    give_password(client, staff)
    assert give_answer(client, press(lost), device=lost.persistent_id)["Location"] == ENROLL
    client.get(ADD)
    code = code_of(waiting())
    # Somebody has found the token. Its owner removes it, or has it removed, before the finder has added an app.
    lost.delete()
    response = client.post(ADD, {"otp_token": code})
    assert response["Location"].startswith(reverse("account_login"))
    assert not is_pending(client)
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    assert list(HOTPDevice.objects.all()) == kept


def test_several_kinds_that_will_do_are_offered_to_choose_from(client, staff, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "hotp", "tests.plugins_of_django_otp.installed.test_requirement.Gadget"]
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {"superusers": ["totp", "gadget"]}
    give_password(client, staff)
    page = client.get(ENROLL)
    assert page.status_code == 200
    assert [factor["url"] for factor in page.context["addable"]] == [SETUP, "/accounts/two-factor/factors/add/gadget/"]
    assert "Gadget" in page.text
    assert client.get("/accounts/two-factor/factors/add/gadget/").status_code == 200


class Gadget(__import__("allauth_2fa.factors.generic", fromlist=["x"]).GenericFactor):
    """A kind of the site's own that users add themselves."""

    id, label, enroll_page = "gadget", "gadget", "two-factor-add"

    def __init__(self):
        from tests.pager.models import Pager  # noqa: PLC0415 - models are there when the factor is made

        super().__init__(Pager)
        self.id, self.label = "gadget", "gadget"


def test_an_adapter_that_asks_nobody_on_the_intranet_does_not_lock_its_people_out(client, staff, clerk, settings):
    settings.ACCOUNT_ADAPTER = "tests.plugins_of_django_otp.installed.test_requirement.IntranetAdapter"
    token_of(clerk)
    give_password(client, clerk)
    assert "clerk" in client.get("/private/").text
    # Who holds a device that was not asked for adds another one by that device alone.
    token_of(staff)
    other = Client()
    assert give_password(other, staff)["Location"] == "/"
    assert other.get("/private/")["Location"] == f"{SETUP}?next=%2Fprivate%2F"
    assert other.get(SETUP)["Location"].startswith("/accounts/two-factor/factors/reauthenticate/")


class IntranetAdapter(__import__("allauth_2fa.adapter", fromlist=["x"]).OTPAdapter):
    """Asks nobody."""

    def has_2fa_enabled(self, user):
        return False


@pytest.mark.parametrize("who", ["superusers", ["superusers", "group:None"]])
def test_a_subclass_of_0x_and_the_setting_answer_alike(client, staff, settings, who):
    settings.ALLAUTH_2FA_REQUIRED = "nobody"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.upgrade.project.middleware.RequireStaff"]
    key = tuple(who) if isinstance(who, list) else who
    settings.ALLAUTH_2FA_REQUIRED_FACTORS = {key: ["hotp"]}
    app = TOTPDevice.objects.create(user=staff, name="Phone")
    login_verified(client, staff, app)
    # An app does not satisfy it, and no page that sets one up helps: the overview says what does.
    assert client.get("/private/")["Location"] == OVERVIEW
    assert client.get(OVERVIEW).status_code == 200
    token_of(staff)
    assert client.get("/private/").status_code == 200
