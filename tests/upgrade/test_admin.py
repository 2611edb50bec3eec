"""The admin snippet of 0.x: ``admin.site.login = staff_member_required(admin.site.login, login_url=...)``."""

from __future__ import annotations

from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.urls import include, path, reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD, code_of, give_answer, is_logged_in, log_in
from tests.urls import home

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["/accounts/login", "/accounts/login/"], autouse=True)
def snippet(request, settings):
    """Guard the admin as 0.x documents it, with and without the last slash."""
    admin.site.login = staff_member_required(admin.site.login, login_url=request.param)
    admin.autodiscover()
    urls = ModuleType("urls")
    urls.urlpatterns = [
        path("accounts/two-factor/", include("allauth_2fa.urls")),
        path("accounts/", include("allauth.urls")),
        path("admin/", admin.site.urls),
        path("", home, name="home"),
    ]
    settings.ROOT_URLCONF = urls
    yield request.param
    del admin.site.login


@pytest.fixture
def staffs_phone(staff) -> TOTPDevice:
    return TOTPDevice.objects.create(user=staff, confirmed=True)


def follow_to_the_login(client, start: str):
    """Go where a browser goes, and return the address and the page at which it ends."""
    response = client.get(start, follow=True)
    return response.redirect_chain[-1][0], response


def test_a_visitor_of_the_admin_is_led_to_allauths_login(client, snippet):
    address, page = follow_to_the_login(client, "/admin/auth/user/")
    assert urlsplit(address).path == reverse("account_login")
    assert page.status_code == 200
    assert any(urlsplit(step).path == snippet for step, _status in page.redirect_chain)


def test_the_admins_own_form_cannot_be_posted(client, staff):
    response = client.post("/admin/login/", {"username": staff.username, "password": PASSWORD})
    assert urlsplit(response["Location"]).path.startswith("/accounts/login")
    assert not is_logged_in(client)


def test_staff_with_a_device_come_in_by_both_factors_where_they_wanted_to_go(client, staff, staffs_phone):
    address, _page = follow_to_the_login(client, "/admin/auth/user/")
    response = client.post(address, {"login": staff.username, "password": PASSWORD})
    assert urlsplit(response["Location"]).path == reverse("two-factor-authenticate")
    assert client.get("/admin/").status_code == 302
    client.post(address, {"login": staff.username, "password": PASSWORD})
    response = give_answer(client, code_of(staffs_phone))
    page = client.get(response["Location"], follow=True)
    assert page.status_code == 200
    assert page.request["PATH_INFO"].startswith("/admin/")
    assert client.get("/admin/auth/user/").status_code == 200


def test_staff_without_a_device_come_in_by_the_password(client, staff):
    address, _page = follow_to_the_login(client, "/admin/")
    page = client.post(address, {"login": staff.username, "password": PASSWORD}, follow=True)
    assert page.status_code == 200
    assert page.request["PATH_INFO"] == "/admin/"


def test_next_survives_the_way_through_the_admin(client, staff, staffs_phone):
    address, _page = follow_to_the_login(client, "/admin/auth/user/?q=a%26b")
    wanted = parse_qs(urlsplit(address).query)["next"][0]
    assert parse_qs(urlsplit(wanted).query)["next"] == ["/admin/auth/user/?q=a%26b"]
    response = client.post(address, {"login": staff.username, "password": PASSWORD})
    assert parse_qs(urlsplit(response["Location"]).query)["next"] == [wanted]
    assert give_answer(client, code_of(staffs_phone))["Location"] == wanted


def test_a_logged_in_member_of_staff_sees_the_admin(client, staff, staffs_phone):
    log_in(client, staff, staffs_phone)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/login/")["Location"] == "/admin/"


def test_a_half_logged_in_member_of_staff_does_not(client, staff, staffs_phone):
    client.force_login(staff)
    assert client.get("/admin/").status_code == 302
    assert not is_logged_in(client)
    assert staffs_phone.confirmed


def test_staff_can_log_out_of_the_admin(client, staff, staffs_phone):
    log_in(client, staff, staffs_phone)
    client.post("/admin/logout/")
    assert not is_logged_in(client)
