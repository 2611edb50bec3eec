"""What the upgrade guide says is different, as it is."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.urls import NoReverseMatch, reverse

from allauth_2fa import routes
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

GUIDE = (Path(__file__).parents[2] / "docs" / "upgrade.md").read_text()


def test_a_setup_after_force_login_asks_users_without_a_factor_to_reauthenticate_too(client, bob):
    client.force_login(bob)
    response = client.get(reverse("two-factor-setup"))
    assert urlsplit(response["Location"]).path == reverse("account_reauthenticate")
    page = client.post(response["Location"], {"password": PASSWORD}, follow=True)
    assert page.request["PATH_INFO"] == reverse("two-factor-setup")


def test_a_verified_client_needs_none(client, bob):
    login_verified(client, bob)
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 200


def test_a_signed_in_visitor_of_the_challenge_is_led_on(client, alice, phone):
    login_verified(client, alice, phone)
    assert client.get(reverse("two-factor-authenticate"))["Location"] == "/"


@pytest.mark.parametrize("view", ["config", "qrcode"])
def test_the_views_of_django_otps_admin_that_show_secrets_are_gone(view):
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:otp_totp_totpdevice_{view}", args=[1])


def test_the_guide_names_each_page_to_add():
    added = re.findall(r"^\| `([\w-]+)` \| `([\w/:<>-]+)` \| `(\w+)` \|$", GUIDE, re.MULTILINE)
    old = {"authenticate/", "setup/", "backup-tokens/", "remove/"}
    assert added == [(route.name, route.path, route.view) for route in routes.routes() if route.path not in old]
