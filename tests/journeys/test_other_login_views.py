"""A login view that is not allauth's is named in the audit log when it is used, and the doctor counts it."""

from __future__ import annotations

import functools
import logging

import pytest
from django.contrib.auth import login
from django.test import override_settings
from django.urls import path
from django.views import View

from allauth_2fa.audit.log import OTHER_LOGIN
from allauth_2fa.management import doctor
from allauth_2fa.models import AuditEntry
from tests.cast import PASSWORD, log_in
from tests.checks.test_checks import urls

pytestmark = pytest.mark.django_db


class Welcome(View):
    """Logs bob in."""

    def post(self, request):
        """Log bob in, and answer. Views of this kind ask first who is there."""
        assert request.user.is_staff or request.user.is_anonymous
        user = self.bob()
        user.backend = "django.contrib.auth.backends.ModelBackend"
        login(request, user)
        return self.http_method_not_allowed(request)

    def bob(self):
        """Return bob."""
        from django.contrib.auth.models import User  # noqa: PLC0415 - models are not there when the class is made

        return User.objects.get(username="bob")


def names():
    return [(row.user_label, row.actor_label, row.facts["view"]) for row in AuditEntry.objects.filter(event=OTHER_LOGIN).order_by("pk")]


def enter(client, door, user):
    return client.post(door, {"username": user.username, "password": PASSWORD})


def test_a_view_that_calls_login_is_named_in_the_audit_log_and_in_a_log_line(client, alice, phone, caplog):
    caplog.set_level(logging.INFO, logger="allauth_2fa")
    enter(client, "/logins/home-made/", alice)
    assert names() == [("alice", "alice", "tests.urls.home_made_login")]
    assert "has logged a user in: tests.urls.home_made_login" in caplog.text


def test_a_class_and_an_admin_site_are_named_too_and_a_user_without_a_factor_makes_no_difference(client, staff):
    enter(client, "/logins/django/", staff)
    client.logout()
    enter(client, "/admin/login/", staff)
    assert [view for _user, _actor, view in names()] == [
        "django.contrib.auth.views.LoginView",
        "django.contrib.admin.sites.AdminSite.login",
    ]


def test_a_view_without_a_name_is_named_by_its_class(client, bob):
    with override_settings(ROOT_URLCONF=urls(path("welcome/", functools.partial(Welcome.as_view())))):
        client.post("/welcome/")
    assert [view for _user, _actor, view in names()] == ["functools.partial"]


def test_staff_who_become_another_user_are_named_as_the_one_who_did_it(client, staff, bob):
    client.force_login(staff)
    with override_settings(ROOT_URLCONF=urls(path("welcome/", Welcome.as_view()))):
        client.post("/welcome/")
    assert names() == [("bob", staff.username, f"{__name__}.Welcome")]


def test_a_login_of_allauths_and_one_without_a_view_are_not_named(client, alice, phone):
    log_in(client, alice, phone)
    client.logout()
    client.force_login(alice)
    assert names() == []


def test_the_doctor_counts_the_views_that_were_used(client, alice, bob):
    for user in (alice, bob):
        enter(client, "/logins/home-made/", user)
        client.logout()
    enter(client, "/logins/django/", bob)
    assert doctor.report()["used_login_views"] == {"tests.urls.home_made_login": 2, "django.contrib.auth.views.LoginView": 1}
