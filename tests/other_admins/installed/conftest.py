"""Staff with an app, and staff without any factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@pytest.fixture
def staff_phone(staff: User) -> TOTPDevice:
    """The app of staff who may do everything."""
    return TOTPDevice.objects.create(user=staff, name="Staff phone")


@pytest.fixture
def editor(django_user_model: type[User]) -> User:
    """A person who edits pages in Wagtail, and may not enter Django's admin."""
    editor = django_user_model.objects.create_user("editor", "editor@example.com", PASSWORD)
    editor.groups.add(Group.objects.get(name="Editors"))
    return editor


@pytest.fixture
def editor_phone(editor: User) -> TOTPDevice:
    """The app of the editor."""
    return TOTPDevice.objects.create(user=editor, name="Editor's phone")
