"""Pages of allauth that the demo does not have, and the page of a form that came without its cookie."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from .server import Demo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.same_everywhere


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demo site with more of allauth."""
    with closing(Demo(tmp_path_factory.mktemp("demo"), "settings_all")) as demo:
        yield demo


def test_accounts_at_other_sites_and_the_list_of_sessions(visitor, alice):
    visitor.open("/accounts/login/")
    visitor.look_around("login, other sites")
    visitor.log_in(alice)
    visitor.open("/accounts/3rdparty/")
    visitor.look_around("connections")
    visitor.link("Sessions").click()
    visitor.is_at("Sessions")
    visitor.look_around("sessions")
    visitor.open("/accounts/password/set/")
    visitor.is_at("Change Password")
    visitor.open("/accounts/inactive/")
    visitor.look_around("inactive account")


def test_a_form_that_came_without_its_cookie(visitor, alice):
    visitor.open("/accounts/login/")
    visitor.context.clear_cookies()
    visitor.accepted_errors = ("/accounts/login/",)
    visitor.page.locator("#id_login").fill(alice.name)
    visitor.page.locator("#id_password").fill(alice.password)
    visitor.button("Sign In").click()
    visitor.is_at("This page has expired")
    visitor.look_around("expired form")
    visitor.link("Sign in").click()
    visitor.is_at("Sign In")
