"""Unfold's admin: it puts a site of its own instead of Django's, and our pages are shown in its templates."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import include, path
from django_otp import device_classes
from unfold.sites import UnfoldAdminSite

from allauth_2fa.admin import secure_admin_site
from allauth_2fa.admin.site import TwoFactorAdminSite
from allauth_2fa.audit.events import EVENTS
from allauth_2fa.checks import find
from allauth_2fa.checks.classify import Kind
from allauth_2fa.factors import registry
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, log_in

pytestmark = pytest.mark.django_db


class BothSites(TwoFactorAdminSite, UnfoldAdminSite):
    """As the documentation tells a project that has a site class of its own."""


SITES = {
    "secured by the function": lambda: secure_admin_site(UnfoldAdminSite("secured")),
    "secured by its class": lambda: BothSites("secured"),
}


@pytest.fixture(params=SITES)
def _secured(request):
    """Unfold's site under /secured/, with everything that is registered."""
    site = SITES[request.param]()
    site._registry.update({model: type(page)(model, site) for model, page in admin.site._registry.items()})

    class Urlconf:
        urlpatterns = [
            path("accounts/two-factor/", include("allauth_2fa.urls")),
            path("accounts/", include("allauth.urls")),
            path("secured/", site.urls),
        ]

    with override_settings(ROOT_URLCONF=Urlconf):
        yield


def test_unfold_replaces_djangos_site_and_our_pages_are_on_it():
    assert type(admin.site) is UnfoldAdminSite
    registered = {model.__name__ for model in admin.site._registry}
    assert registered >= {"TOTPDevice", "HOTPDevice", "EmailDevice", "StaticDevice", "RecoveryDevice", "AuditEntry", "Exemption"}


def test_a_login_at_unfolds_form_waits_for_the_second_factor(client, staff, staff_phone):
    form = client.get("/admin/login/?next=/admin/auth/user/")
    assert form.status_code == 200
    assert "unfold/" in form.text
    response = client.post("/admin/login/?next=/admin/auth/user/", {"username": "staff", "password": PASSWORD})
    assert response["Location"].startswith("/accounts/two-factor/authenticate/?next=")
    assert not is_logged_in(client)
    response = give_answer(client, code_of(staff_phone))
    assert response["Location"] == "/admin/auth/user/"
    assert client.get(response["Location"]).status_code == 200


def test_unfolds_own_form_is_named_by_the_checks_and_a_secured_site_is_not():
    found = [login_view for login_view in find.login_views() if login_view.kind is Kind.ADMIN]
    assert [(login_view.route, login_view.view, login_view.is_covered) for login_view in found] == [("admin/login/", "admin", True)]
    assert "allauth_2fa.W005" in {message.id for message in run_checks()}


@pytest.mark.usefixtures("_secured")
def test_the_checks_have_nothing_to_say_of_a_secured_site():
    assert not [login_view for login_view in find.login_views() if login_view.kind is Kind.ADMIN]


@pytest.mark.usefixtures("_secured")
def test_staff_with_a_factor_go_through_allauth_and_come_back_to_a_secured_site(client, staff, staff_phone):
    page = client.get("/secured/", follow=True)
    where = page.redirect_chain[-1][0]
    assert where.startswith("/accounts/login/?next=")
    give_password(client, staff, f"?{where.partition('?')[2]}")
    assert client.get("/secured/")["Location"].startswith("/secured/login/")
    give_password(client, staff, f"?{where.partition('?')[2]}")
    response = give_answer(client, code_of(staff_phone))
    assert response["Location"] == "/secured/"
    page = client.get("/secured/")
    assert page.status_code == 200
    assert "unfold/" in page.text


@pytest.mark.usefixtures("_secured")
def test_staff_without_a_factor_see_nothing_of_a_secured_site_and_are_told_why(client, staff):
    give_password(client, staff)
    for page in ("/secured/", "/secured/auth/user/", "/secured/search/?s=staff", "/secured/jsi18n/"):
        assert client.get(page)["Location"].startswith("/secured/login/"), page
    refused = client.get("/secured/", follow=True)
    assert refused.status_code == 403
    assert "Set up two-factor authentication" in refused.text


@pytest.mark.usefixtures("_secured")
def test_a_user_who_is_no_staff_sees_nothing_of_a_secured_site(client, alice, phone):
    log_in(client, alice, phone)
    refused = client.get("/secured/", follow=True)
    assert refused.status_code == 403
    assert "Only staff can open the admin." in refused.text


def test_each_device_page_is_shown_in_unfolds_templates_without_a_secret(client, staff, staff_phone):
    codes = registry.recovery.renew(staff, 3)
    login_verified(client, staff, staff_phone)
    shown = [model for model in device_classes() if admin.site.is_registered(model)]
    assert len(shown) == 5
    for model in shown:
        device, _is_new = model.objects.get_or_create(user=staff)
        secrets = [*codes, *filter(None, [getattr(device, "key", None), getattr(device, "salt", None)])]
        pages = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for page in (
            pages,
            f"{pages}?q=staff",
            f"{pages}{device.pk}/change/",
            f"{pages}{device.pk}/delete/",
            f"{pages}{device.pk}/history/",
        ):
            response = client.get(page)
            assert response.status_code == 200, page
            assert "unfold/" in response.text, page
            assert not [secret for secret in secrets if secret in response.text], page
        assert client.get(f"{pages}add/").status_code == 403


def test_the_other_pages_of_ours_are_shown_in_unfolds_templates(client, staff, staff_phone, alice, phone):
    log_in(client, staff, staff_phone)
    ours = [model for model in admin.site._registry if model._meta.app_label == "allauth_2fa"]
    assert {AuditEntry, Exemption} <= set(ours)
    for model in ours:
        response = client.get(f"/admin/allauth_2fa/{model._meta.model_name}/")
        assert response.status_code == 200, model
        assert "unfold/" in response.text, model
    row = AuditEntry.objects.first()
    assert str(EVENTS[row.event].label) in client.get("/admin/allauth_2fa/auditentry/").text
    assert client.get(f"/admin/allauth_2fa/auditentry/{row.pk}/change/").status_code == 200
    response = client.get("/admin/allauth_2fa/exemption/add/")
    assert response.status_code == 200
    assert "unfold/" in response.text


def test_support_renames_and_deletes_under_unfold(client, staff, staff_phone, alice, phone):
    login_verified(client, staff, staff_phone)
    page = f"/admin/otp_totp/totpdevice/{phone.pk}/"
    client.post(f"{page}change/", {"name": "Old phone"})
    phone.refresh_from_db()
    assert phone.name == "Old phone"
    client.post(f"{page}delete/", {"post": "yes"})
    assert not type(phone).objects.filter(pk=phone.pk).exists()


def test_each_action_of_support_has_its_page_under_unfold(client, staff, staff_phone, alice, phone):
    login_verified(client, staff, staff_phone)
    listing = client.get("/admin/otp_totp/totpdevice/")
    actions = [value for value, _label in listing.context["action_form"].fields["action"].choices if value]
    assert len(actions) > 1
    for action in actions:
        response = client.post("/admin/otp_totp/totpdevice/", {"action": action, "_selected_action": [phone.pk]})
        assert response.status_code in {200, 302}, action
