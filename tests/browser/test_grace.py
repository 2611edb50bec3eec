"""Who must have a second factor soon is told how soon, and may go on."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from .server import Demo

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    """The demo site with time to set it up."""
    with closing(Demo(tmp_path_factory.mktemp("demo"), "settings_grace")) as demo:
        yield demo


def test_the_banner_says_from_when_on_and_how_many_days_are_left(visitor, people):
    person = people.make()
    people.require_a_factor(person)
    visitor.log_in(person)
    visitor.is_logged_in(person)
    visitor.open("/accounts/two-factor/factors/")
    visitor.sees("you will need two-factor authentication here.")
    visitor.sees("14 days left.")
    visitor.look_around("overview, in grace")
