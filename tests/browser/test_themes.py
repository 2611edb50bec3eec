"""The same pages without a theme, and with the elements for Bootstrap 5. The tests beside this one look at the theme of the demo."""

from __future__ import annotations

import importlib.util
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from .people import App
from .server import Demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .visitor import Visitor

pytestmark = [pytest.mark.same_everywhere, pytest.mark.timeout(180)]

FACTORS = "/accounts/two-factor/factors/"
LONG = "Tablet that stays at home"

# What a page lacks in allauth's own layout, which is a site's to replace: a language, and landmarks.
OF_THE_LAYOUT = ("html-has-lang", "landmark-one-main", "region")
THEMES = {"bare": OF_THE_LAYOUT, "bootstrap5": ()}


@pytest.fixture(scope="module", params=THEMES)
def theme(request) -> str:
    if request.param == "bootstrap5" and importlib.util.find_spec("bootstrap") is None:
        pytest.skip("django-bootstrap-static is not installed")
    return request.param


@pytest.fixture(scope="module")
def demo(theme, tmp_path_factory) -> Iterator[Demo]:
    """The demo site with that theme."""
    with closing(Demo(tmp_path_factory.mktemp("demo"), f"settings_{theme}")) as demo:
        yield demo


@pytest.fixture
def visitor(visitor, theme):
    visitor.accepted = THEMES[theme]
    visitor.album = theme
    return visitor


def answer(visitor: Visitor, code: str, button: str) -> None:
    """Fill in the field for codes. Where there is no theme, a colon follows its label."""
    visitor.page.get_by_role("textbox", name="Code").fill(code)
    visitor.button(button).click()


def test_the_way_in(visitor, people):
    person = people.make("Work phone", LONG, recovery_codes=("spare234",))
    for name, path in (("signup", "/accounts/signup/"), ("login", "/accounts/login/"), ("login by mail", "/accounts/login/code/")):
        visitor.open(path)
        visitor.look_around(name)
    visitor.come_to_the_challenge(person)
    visitor.look_around("challenge, two apps")
    answer(visitor, person.apps[0].wrong_code(), "Sign in")
    visitor.sees("That code is not right.")
    visitor.look_around("challenge, wrong")
    answer(visitor, person.recovery_codes[0], "Sign in")
    visitor.is_logged_in(person)
    for name, path in (
        ("overview, two devices", FACTORS),
        ("recovery codes, none", "/accounts/two-factor/backup-tokens/"),
        ("events", f"{FACTORS}events/"),
        ("trusted browsers, none", f"{FACTORS}browsers/"),
        ("removal", "/accounts/two-factor/remove/"),
        ("e-mail", "/accounts/email/"),
        ("password", "/accounts/password/change/"),
        ("logout", "/accounts/logout/"),
    ):
        visitor.open(path)
        visitor.look_around(name)
    visitor.open(FACTORS)
    visitor.page.get_by_role("link", name=f"Rename {LONG}").click()
    visitor.look_around("rename")


def test_a_first_device(visitor, alice):
    visitor.log_in(alice)
    visitor.open(FACTORS)
    visitor.look_around("overview, nothing there")
    visitor.open(f"{FACTORS}add-passkey/")
    visitor.look_around("add, passkey")
    visitor.open("/accounts/two-factor/setup/")
    app = App.set_up_with(visitor.page.locator("#two-factor-secret").inner_text())
    visitor.look_around("setup")
    answer(visitor, app.wrong_code(), "Turn on")
    visitor.sees("That code is not right.")
    visitor.look_around("setup, wrong")
    answer(visitor, app.next_code(), "Turn on")
    visitor.is_at("Recovery codes")
    visitor.look_around("recovery codes, new")
