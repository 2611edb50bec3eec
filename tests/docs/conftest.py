"""The shop: the files that the pages show, as a package to import."""

from __future__ import annotations

import sys
from copy import deepcopy

import pytest
from django.contrib.admin.sites import all_sites

from tests.docs.pages import DOCS, files

SHOP = {
    name: content
    for page in sorted(DOCS.glob("*.md"))
    if page.name != "tutorial.md"
    for name, content in files(page.read_text()).items()
    if name.startswith("shop/")
}


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    """The folder in which the shop lies, importable."""
    folder = tmp_path_factory.mktemp("shop")
    for name, content in {"shop/__init__.py": "", **SHOP}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    sys.path.insert(0, str(folder))
    yield folder / "shop"
    sys.path.remove(str(folder))


@pytest.fixture
def shop(shop_folder, settings):
    """The shop, with its templates before those of the apps."""
    templates = deepcopy(settings.TEMPLATES)
    templates[0]["DIRS"] = [shop_folder / "templates"]
    settings.TEMPLATES = templates
    return shop_folder


@pytest.fixture
def restored_admin():
    """The default admin site, left as it was found."""
    # admin.site only stands for the site, and its attributes are not found on it.
    (site,) = (site for site in all_sites if site.name == "admin")
    before = {**vars(site), "_registry": dict(site._registry)}
    yield
    vars(site).clear()
    vars(site).update(before)
