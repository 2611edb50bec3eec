"""The cast on any site, whatever its users are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.base_user import AbstractBaseUser


@pytest.fixture
def person(django_user_model: Any) -> Callable[..., AbstractBaseUser]:
    """Make somebody by that name, with what the site's user model wants to know."""

    def make(name: str, **facts: object) -> AbstractBaseUser:
        by_name = {"username": name} if django_user_model.USERNAME_FIELD == "username" else {}
        return django_user_model.objects.create_user(email=f"{name}@example.com", password=PASSWORD, **by_name, **facts)

    return make


@pytest.fixture
def alice(person: Callable[..., AbstractBaseUser]) -> AbstractBaseUser:
    """A person with a password and no factor yet."""
    return person("alice")


@pytest.fixture
def bob(person: Callable[..., AbstractBaseUser]) -> AbstractBaseUser:
    """A person with a password who never gets a factor."""
    return person("bob")


@pytest.fixture
def staff(person: Callable[..., AbstractBaseUser]) -> AbstractBaseUser:
    """A person who may enter the admin."""
    return person("staff", is_staff=True)
