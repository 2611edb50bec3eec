"""The examples of docs/requirement.md do what the page says."""

from __future__ import annotations

import datetime as dt
import importlib
import json

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path

from allauth_2fa.models.exemptions import Exemption
from allauth_2fa.requirement import policy
from tests.cast import give_password
from tests.docs.pages import blocks, files, rows, text_of
from tests.docs.test_examples import use_urls
from tests.urls import home

pytestmark = pytest.mark.django_db

PAGE = text_of("docs/requirement.md")
ENROLL = "/accounts/two-factor/factors/enroll/"


@pytest.fixture
def example(settings):
    """The settings that the page begins with."""
    values = {}
    exec(blocks(PAGE, "python")[0], values)  # noqa: S102 - the block is the page's
    for name in filter(lambda name: name.startswith("ALLAUTH_2FA_"), values):
        setattr(settings, name, values[name])


@pytest.mark.usefixtures("example")
def test_the_example_says_what_the_page_says_of_it(alice, staff, bob):
    alice.groups.create(name="Accounting")
    assert not [message for message in run_checks() if message.id.startswith(("allauth_2fa.E", "allauth_2fa.W06"))]
    with time_machine.travel(dt.datetime(2026, 8, 1, tzinfo=dt.UTC), tick=False) as clock:
        assert [policy.requirement_of(user).status for user in (alice, staff, bob)] == ["grace", "grace", "free"]
        clock.move_to(dt.datetime(2026, 8, 31, tzinfo=dt.UTC))
        assert policy.requirement_of(alice).status == "grace"
        clock.move_to(dt.datetime(2026, 9, 2, tzinfo=dt.UTC))
        assert policy.requirement_of(alice).status == "due"
    assert [factor.id for factor in policy.requirement_of(staff).factors] == ["totp"]


def test_each_entry_of_the_table_is_understood(settings):
    for entry, _meaning in rows(PAGE, "| entry | means |")[:5]:
        assert policy.rule_of(json.loads(entry))


def test_each_status_is_in_the_table():
    assert {row[0] for row in rows(PAGE, "| status | means |")} == set(policy.Status.__args__)


def test_a_rule_of_the_shop(client, alice, bob, shop, settings, django_user_model):
    settings.ALLAUTH_2FA_REQUIRED = "shop.rules.handles_money"
    assert give_password(client, bob)["Location"] == "/"
    permission = Permission.objects.create(codename="refund_order", content_type_id=Permission.objects.first().content_type_id)
    permission.content_type.app_label = "shop"
    permission.content_type.save()
    alice.user_permissions.add(permission)
    assert give_password(Client(), alice)["Location"] == ENROLL


def test_the_banner_of_the_shop(client, alice, shop, settings):
    settings.ALLAUTH_2FA_REQUIRED, settings.ALLAUTH_2FA_GRACE_PERIOD = "everyone", 14
    give_password(client, alice)
    request = client.get("/").wsgi_request
    assert "14 days left." in render_to_string("shop/banner.html", {}, request)


def test_a_script_is_told_what_is_missing(client, alice, settings):
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    response = client.get("/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert response.json() == json.loads(files(PAGE)["403"])


def test_more_pages_stay_open(client, alice, shop, settings):
    ours = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"
    settings.MIDDLEWARE = [entry.replace(ours, "shop.open_pages.Middleware") for entry in settings.MIDDLEWARE]
    use_urls(settings, path("help/", ([path("", home, name="help")], "shop", "shop")))
    give_password(client, alice)
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    assert client.get("/help/").text == "user: alice"
    assert client.get("/").status_code == 302


def test_the_shop_spares_a_robot(client, alice, staff, shop, settings):
    settings.ALLAUTH_2FA_REQUIRED = "everyone"
    importlib.import_module("shop.robots").spare(alice, "It prints labels", staff)
    assert Exemption.objects.get().granted_by == staff
    assert policy.requirement_of(alice).status == "exempt"
