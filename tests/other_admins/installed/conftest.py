"""Staff with an app, staff without any factor, and a page of Wagtail's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group, Permission
from django_otp.plugins.otp_totp.models import TOTPDevice
from wagtail.models import GroupPagePermission, Locale, Page, Site

from tests.cast import PASSWORD

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@pytest.fixture
def staff_phone(staff: User) -> TOTPDevice:
    """The app of staff who may do everything."""
    return TOTPDevice.objects.create(user=staff, name="Staff phone")


@pytest.fixture
def pages() -> Page:
    """The root of Wagtail's pages, and the page of the site beneath it: as Wagtail's migrations make them."""
    Locale.objects.create(language_code="en")
    root = Page.add_root(title="Root", slug="root")
    Site.objects.create(hostname="localhost", root_page=root.add_child(title="Welcome", slug="home"), is_default_site=True)
    return root


@pytest.fixture
def editor(django_user_model: type[User], pages: Page) -> User:
    """A person who edits pages in Wagtail, and may not enter Django's admin."""
    editor = django_user_model.objects.create_user("editor", "editor@example.com", PASSWORD)
    editors = Group.objects.create(name="Editors")
    editors.permissions.add(Permission.objects.get(codename="access_admin"))
    GroupPagePermission.objects.create(group=editors, page=pages, permission=Permission.objects.get(codename="change_page"))
    editor.groups.add(editors)
    return editor


@pytest.fixture
def editor_phone(editor: User) -> TOTPDevice:
    """The app of the editor."""
    return TOTPDevice.objects.create(user=editor, name="Editor's phone")
