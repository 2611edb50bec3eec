"""The admin: secured sites, and device pages that show no secret."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.test import override_settings
from django.urls import include, path
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.admin import register, secure_admin_site
from allauth_2fa.factors import registry
from allauth_2fa.testing import login_verified
from tests.cast import code_of, give_answer, give_password, log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_phone(staff):
    return TOTPDevice.objects.create(user=staff, name="Staff phone")


@pytest.fixture(params=["secured", "snippet of 0.x", "snippet without the last slash"])
def site(request):
    """An admin site under /guarded/, secured in one way or another."""
    site = admin.AdminSite("guarded")
    site._registry.update({model: type(page)(model, site) for model, page in admin.site._registry.items()})
    if request.param == "secured":
        secure_admin_site(site)
    else:
        login_url = "/accounts/login/" if request.param == "snippet of 0.x" else "/accounts/login"
        site.login = staff_member_required(site.login, login_url=login_url)

    class Urlconf:
        urlpatterns = [
            path("accounts/two-factor/", include("allauth_2fa.urls")),
            path("accounts/", include("allauth.urls")),
            path("admin/", admin.site.urls),
            path("guarded/", site.urls),
        ]

    with override_settings(ROOT_URLCONF=Urlconf):
        yield request.param


def test_staff_with_a_factor_go_through_allauth_and_come_back(client, site, staff, staff_phone):
    page = client.get("/guarded/", follow=True)
    assert page.redirect_chain[-1][0].startswith("/accounts/login/?next=")
    query = page.redirect_chain[-1][0].partition("?")[2]
    response = give_password(client, staff, f"?{query}")
    assert response["Location"].startswith("/accounts/two-factor/authenticate/?next=")
    response = give_answer(client, code_of(staff_phone))
    assert client.get(response["Location"], follow=True).status_code == 200
    assert client.get("/guarded/").status_code == 200


def test_staff_without_a_factor_may_enter_the_snippets_admin_and_not_a_secured_one(client, site, staff):
    give_password(client, staff)
    page = client.get("/guarded/", follow=True)
    assert page.status_code == (403 if site == "secured" else 200)
    if site == "secured":
        assert "Set up two-factor authentication" in page.text
        assert "/accounts/two-factor/setup/" in page.text


@pytest.mark.parametrize("site", ["secured"], indirect=True)
def test_others_get_a_page_that_says_so(client, site, alice, phone):
    log_in(client, alice, phone)
    page = client.get("/guarded/", follow=True)
    assert page.status_code == 403
    assert "Only staff can open the admin." in page.text


@pytest.mark.parametrize("site", ["secured"], indirect=True)
def test_the_login_page_of_a_secured_site_leads_who_may_enter_to_the_index(client, site, staff, staff_phone):
    login_verified(client, staff, staff_phone)
    assert client.get("/guarded/login/")["Location"] == "/guarded/"
    assert client.get("/guarded/auth/user/").status_code == 200


@pytest.mark.parametrize("site", ["secured"], indirect=True)
def test_a_session_that_is_not_verified_sees_nothing_of_a_secured_site(client, site, staff):
    give_password(client, staff)
    for page in ("/guarded/", "/guarded/auth/user/", "/guarded/jsi18n/"):
        assert client.get(page)["Location"].startswith("/guarded/login/")


def test_securing_a_site_twice_changes_nothing_more():
    site = secure_admin_site(admin.AdminSite("once"))
    login = site.login
    assert secure_admin_site(site).login is login


def test_without_django_otps_middleware_nobody_is_verified(rf, staff):
    site, request = secure_admin_site(admin.AdminSite("bare")), rf.get("/")
    request.user = staff
    assert not site.has_permission(request)


@pytest.mark.parametrize("search", ["staff", "example.com", "Staff phone"])
def test_device_pages_show_who_has_what_and_no_secret(client, staff, staff_phone, search):
    codes = registry.recovery.renew(staff, 3)
    static = StaticDevice.objects.create(user=staff, name="backup")
    static.token_set.create(token="abcdefgh")
    login_verified(client, staff, staff_phone)
    recovery = registry.recovery.devices(staff).get()
    secrets = [staff_phone.key, "abcdefgh", *codes, recovery.salt, *recovery.codes.values_list("digest", flat=True)]
    for device in (staff_phone, static, recovery):
        pages = f"/admin/{device._meta.app_label}/{device._meta.model_name}/"
        for page in (f"{pages}?q={search}", f"{pages}{device.pk}/change/", f"{pages}{device.pk}/delete/", f"{pages}{device.pk}/history/"):
            response = client.get(page)
            assert response.status_code == 200, page
            assert not [secret for secret in secrets if secret in response.text], page
        assert client.get(f"{pages}add/").status_code == 403


def test_support_renames_and_deletes_and_changes_nothing_else(client, staff, staff_phone, alice, phone):
    login_verified(client, staff, staff_phone)
    page = f"/admin/otp_totp/totpdevice/{phone.pk}/change/"
    client.post(page, {"name": "Old phone", "user": staff.pk, "confirmed": "", "key": "00" * 20})
    before = phone.key
    phone.refresh_from_db()
    assert (phone.name, phone.user, phone.confirmed, phone.key) == ("Old phone", alice, True, before)
    client.post(f"/admin/otp_totp/totpdevice/{phone.pk}/delete/", {"post": "yes"})
    assert not TOTPDevice.objects.filter(pk=phone.pk).exists()


def test_how_many_recovery_codes_are_left_is_shown(client, staff, staff_phone):
    registry.recovery.renew(staff, 3)
    StaticDevice.objects.create(user=staff, name="backup").token_set.create(token="abcdefgh")
    login_verified(client, staff, staff_phone)
    recovery = registry.recovery.devices(staff).get()
    assert '<div class="readonly">3</div>' in client.get(f"/admin/allauth_2fa/recoverydevice/{recovery.pk}/change/").text
    static = StaticDevice.objects.get()
    assert '<div class="readonly">1</div>' in client.get(f"/admin/otp_static/staticdevice/{static.pk}/change/").text


def test_django_otps_qr_code_page_is_gone(client, staff, staff_phone):
    login_verified(client, staff, staff_phone)
    assert client.get(f"/admin/otp_totp/totpdevice/{staff_phone.pk}/config/").status_code in {302, 404}
    assert staff_phone.key not in client.get(f"/admin/otp_totp/totpdevice/{staff_phone.pk}/qrcode/", follow=True).text


def test_a_projects_own_page_of_a_device_stays():
    site = admin.AdminSite("own")

    class OwnAdmin(admin.ModelAdmin):
        """The project's."""

    site.register(TOTPDevice, OwnAdmin)
    register(site)
    assert type(site._registry[TOTPDevice]) is OwnAdmin
