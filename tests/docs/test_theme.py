"""The page about themes: what it shows is what a site needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import reverse

from allauth_2fa import theme
from allauth_2fa.theme import bootstrap5
from tests.cast import log_in
from tests.docs.pages import files, rows, text_of

pytestmark = pytest.mark.django_db

PAGE = text_of("docs/theme.md")
THEME, BOOTSTRAP5 = Path(theme.__file__).parent, Path(bootstrap5.__file__).parent


def dress(settings, folder: Path, shop: Path) -> None:
    """Put the templates of the shop before those of the theme."""
    for name, text in files(PAGE).items():
        if name.endswith(".html"):
            file = shop / name.partition("templates/")[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    (engine,) = settings.TEMPLATES
    libraries = {"allauth_2fa_bootstrap5": "allauth_2fa.theme.bootstrap5.templatetags.allauth_2fa_bootstrap5"}
    options = {**engine["OPTIONS"], "libraries": libraries}
    settings.TEMPLATES = [{**engine, "DIRS": [shop, folder / "templates"], "OPTIONS": options}]


def test_the_shop_has_its_own_stylesheet_and_logo(client, settings, tmp_path):
    dress(settings, THEME, tmp_path)
    text = client.get(reverse("account_login")).text
    sheets = re.findall(r'<link rel="stylesheet"\s+href="([^"]+)"', text)
    # The shop's comes last: with the same specificity it wins.
    assert sheets == ["/static/allauth_2fa/theme.css", "/static/allauth_2fa/two-factor.css", "/static/shop/account.css"]
    assert '<img src="/static/shop/logo.svg" alt="Shop"' in text


def test_the_shop_loads_its_bootstrap_first(client, settings, tmp_path):
    dress(settings, BOOTSTRAP5, tmp_path)
    sheets = re.findall(r'<link rel="stylesheet"\s+href="([^"]+)"', client.get(reverse("account_login")).text)
    assert sheets == ["/static/bootstrap/css/bootstrap.min.css", "/static/allauth_2fa/bootstrap5.css", "/static/allauth_2fa/two-factor.css"]


def test_the_shop_has_its_own_base_template(client, alice, phone, settings, tmp_path):
    dress(settings, BOOTSTRAP5, tmp_path)
    base = "<!DOCTYPE html><nav>Shop</nav>{% block extra_head %}{% endblock %}<main>{% block main %}{% endblock %}</main>"
    (tmp_path / "base.html").write_text(base)
    log_in(client, alice, phone)
    text = client.get(reverse("two-factor-overview")).text
    assert "<nav>Shop</nav>" in text
    assert text.index("bootstrap5.css") < text.index('<div class="mx-auto two-factor-page two-factor-page--manage">') < text.index("<h1")


@pytest.mark.parametrize("name", [row[0] for row in rows(PAGE, "| property | default |")])
def test_the_properties_are_those_of_the_stylesheet(name):
    text = (THEME / "static/allauth_2fa/theme.css").read_text()
    assert f"    {name}: " in text.split("}")[0]
    assert f"var({name})" in text


def test_each_property_that_a_site_may_set_is_on_the_page():
    text = (THEME / "static/allauth_2fa/theme.css").read_text()
    named = [row[0] for row in rows(PAGE, "| property | default |")]
    assert re.findall(r"^    (--[\w-]+): ", text.split("}")[0], re.MULTILINE) == named


def test_the_properties_of_our_own_classes_are_those_that_the_stylesheet_takes():
    text = (Path(theme.__file__).parents[1] / "static/allauth_2fa/two-factor.css").read_text()
    taken = set(re.findall(r"var\((--[\w-]+)\)", text))
    assert taken == set(re.findall(r"`(--[\w-]+)`", PAGE.split("## Elements of your own")[1]))
    mapped = (BOOTSTRAP5 / "static/allauth_2fa/bootstrap5.css").read_text().split("}")[0]
    assert taken == set(re.findall(r"^    (--(?!bs-)[\w-]+): ", mapped, re.MULTILINE))


@pytest.mark.parametrize("row", [*rows(PAGE, "| template | what it is |"), *rows(PAGE.split("## Bootstrap 5")[1], "| template | what")])
def test_each_template_that_a_site_may_replace_is_there(row):
    assert any((folder / "templates" / row[0]).exists() for folder in (THEME, BOOTSTRAP5))
