"""The demo site with its strict policy, and browsers to visit it with."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.services import SERVICES

from .people import People
from .server import Demo
from .visitor import WIDE, Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser
    from pytest_django.plugin import DjangoDbBlocker

    from .people import Person

# As root, which is what containers run as, there is no sandbox; the rest keeps the browser from talking to its maker.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000
"""Milliseconds after which something that does not come has failed the test."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demo site; one for each process of the test run."""
    with closing(Demo(tmp_path_factory.mktemp("demo"))) as demo:
        yield demo


@pytest.fixture
def people(demo: Demo, django_db_blocker: DjangoDbBlocker) -> People:
    """Make people with accounts on the site."""
    return People(demo.database, django_db_blocker)


# Not for the session: while Playwright runs, its loop keeps Django's ORM from working in the other tests of this process.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """A running browser."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=SERVICES["browser"].find(), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(demo: Demo, chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Bring visitors, each with a browser of their own; at the end, none of them has met an error."""
    visitors: list[Visitor] = []
    served_before = demo.log.stat().st_size

    def come(**options: Any) -> Visitor:
        options = {"base_url": demo.url, "viewport": WIDE, "reduced_motion": "reduce", **options}
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE)
        visitors.append(Visitor(context, options["base_url"]))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.context.close()
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert not complaints, "\n".join(complaints)
    assert "Traceback" not in demo.log.read_text()[served_before:]


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Somebody with a browser."""
    return visit()


@pytest.fixture
def alice(people: People) -> Person:
    """A person with a password and no factor yet: another one for each test, since nothing is rolled back."""
    return people.make()


@pytest.fixture
def bea(people: People) -> Person:
    """A person with an authenticator app and recovery codes of 0.x."""
    return people.make("Work phone", recovery_codes=("spare234", "spare345"))
