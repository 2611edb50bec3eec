"""The parts of a 0.x project, each for the tests that look at it."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from allauth.account.signals import user_logged_in as allauth_logged_in
from django.apps import apps
from django.contrib.auth.signals import user_logged_in as django_logged_in
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.contrib.auth.models import User
    from django.contrib.sites.models import Site
    from pytest_django.fixtures import SettingsWrapper
    from time_machine import TimeMachineFixture

NOON = datetime(2026, 11, 2, 12, 0, 5, tzinfo=UTC)

SHOP_TEMPLATES = Path(__file__).parent / "project" / "templates"


@pytest.fixture(autouse=True)
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    """Stop the time, five seconds into a code, so that no code changes between its reading and its posting."""
    time_machine.move_to(NOON, tick=False)
    return time_machine


@pytest.fixture
def use_templates(settings: SettingsWrapper) -> Callable[[Path], None]:
    """Put a folder of the project's before the templates of the apps."""

    def use(folder: Path) -> None:
        templates = deepcopy(settings.TEMPLATES)
        templates[0]["DIRS"] = [folder]
        settings.TEMPLATES = templates

    return use


@pytest.fixture
def shop_templates(use_templates: Callable[[Path], None]) -> None:
    """The shop's overrides of the four templates."""
    use_templates(SHOP_TEMPLATES)


@pytest.fixture
def shop(settings: SettingsWrapper, shop_templates: None) -> None:
    """The shop's URLs and templates."""
    settings.ROOT_URLCONF = "tests.upgrade.project.urls"


@pytest.fixture
def tokens(alice: User) -> list[str]:
    """Three readable tokens as 0.x made them."""
    device = StaticDevice.objects.create(user=alice, name="backup", confirmed=True)
    return [device.token_set.create(token=token).token for token in ("aaaa2345", "bbbb2345", "cccc2345")]


@pytest.fixture
def unfinished(alice: User) -> TOTPDevice:
    """A setup of Alice's that was begun and left."""
    return TOTPDevice.objects.create(user=alice, confirmed=False)


@pytest.fixture
def site() -> Site:
    """The site that django.contrib.sites knows."""
    # Looked up late, and not imported: some sites do without.
    model = apps.get_model("sites", "Site")
    site, _made = model.objects.update_or_create(pk=1, defaults={"domain": "shop.example.com", "name": "Shop"})
    model.objects.clear_cache()
    return site


@pytest.fixture
def logins() -> Iterator[list[str]]:
    """Which login signals were sent, in order."""
    sent: list[str] = []

    def on_django(**_facts: object) -> None:
        sent.append("django")

    def on_allauth(**_facts: object) -> None:
        sent.append("allauth")

    django_logged_in.connect(on_django)
    allauth_logged_in.connect(on_allauth)
    yield sent
    django_logged_in.disconnect(on_django)
    allauth_logged_in.disconnect(on_allauth)
