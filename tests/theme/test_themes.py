"""The themes dress the pages of allauth and ours, say what the page is, and leave nothing open."""

from __future__ import annotations

import re
from pathlib import Path

import allauth
import pytest
from django.apps import AppConfig
from django.conf import settings as project
from django.contrib.sites.models import Site
from django.contrib.staticfiles import finders
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path, reverse
from django.utils import translation
from django.views.generic import RedirectView

import allauth_2fa
from tests.cast import give_password, log_in

from .conftest import THEME, THEMES, put_on

pytestmark = pytest.mark.django_db

PACKAGE = Path(allauth_2fa.__file__).parent
SHEETS = sorted(PACKAGE.rglob("*.css"))
VISITORS_PAGES = ("account_login", "account_signup", "account_reset_password")
OWN_PAGES = ("two-factor-overview", "two-factor-setup", "account_email", "account_change_password", "socialaccount_connections")


def test_an_app_of_its_own_has_a_label_of_its_own():
    labels = {AppConfig.create(name).label for name in ("allauth_2fa", "allauth_2fa.theme", "allauth_2fa.theme.bootstrap5")}
    assert labels == {"allauth_2fa", "allauth_2fa_theme", "allauth_2fa_bootstrap5"}


@pytest.mark.parametrize("folder", THEMES.values(), ids=THEMES)
def test_every_template_of_a_theme_compiles(settings, folder):
    put_on(settings, folder)
    names = [str(found.relative_to(folder / "templates")) for found in (folder / "templates").rglob("*.html")]
    assert len(names) > 15
    for name in names:
        assert Path(engines["django"].get_template(name).origin.name).is_relative_to(folder)


def test_every_page_of_allauth_compiles_with_a_theme(theme):
    # allauth.mfa and others would have to be installed to be visited; tests/browser looks at those that a site shows.
    folder = Path(allauth.__file__).parent / "templates"
    for found in folder.rglob("*.html"):
        if "humanize" not in found.read_text():
            assert engines["django"].get_template(str(found.relative_to(folder)))


@pytest.mark.parametrize("name", VISITORS_PAGES)
def test_a_page_for_visitors_is_dressed(client, theme, name):
    check_page(client.get(reverse(name)))


@pytest.mark.parametrize("name", OWN_PAGES)
def test_a_page_of_the_account_is_dressed(client, alice, phone, theme, name):
    log_in(client, alice, phone)
    check_page(client.get(reverse(name), follow=True))


def check_page(response) -> None:
    text = response.content.decode()
    assert response.status_code == 200
    assert re.search(r'<html lang="en(-us)?"', text)
    assert 'dir="ltr"' in text
    assert text.count("<main ") == text.count("</main>") == 1
    assert text.count("<h1") == 1
    assert re.search(r"<title>\s*\S.*·\s*example\.com\s*</title>", text, re.DOTALL)
    assert "/static/allauth_2fa/two-factor.css" in text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all("src=" in script or "application/json" in script for script in re.findall(r"<script[^>]*>", text))


def test_the_challenge_has_no_link_that_would_lose_the_login(client, alice, phone, theme):
    give_password(client, alice)
    text = client.get(reverse("two-factor-authenticate")).content.decode()
    assert 'name="otp_token"' in text
    assert re.findall(r'<a [^>]*href="([^"]*)"', text) == ["#main"]


def test_pages_are_mirrored_where_people_write_from_right_to_left(client, theme):
    with translation.override("ar"):
        text = client.get(reverse("account_login"), headers={"accept-language": "ar"}).content.decode()
    assert '<html lang="ar"' in text
    assert 'dir="rtl"' in text


def test_the_name_of_the_site_is_text_and_nothing_else(client, theme):
    Site.objects.update(name='<img src=x onerror="alert(1)">')
    Site.objects.clear_cache()
    text = client.get(reverse("account_login")).content.decode()
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in text
    assert "<img src=x" not in text


def test_what_somebody_typed_comes_back_as_text(client, theme):
    text = client.post(reverse("account_login"), {"login": '"><script>alert(1)</script>', "password": "wrong"}).content.decode()
    assert "<script>alert" not in text
    assert "&quot;&gt;&lt;script&gt;" in text
    assert 'role="alert"' in text


def test_errors_of_fields_are_tied_to_them(client, theme):
    text = client.post(reverse("account_signup"), {"email": "nobody", "username": "", "password1": "x", "password2": "y"}).content.decode()
    described = re.findall(r'aria-describedby="([^"]*)"', text)
    assert described
    for name in {name for names in described for name in names.split()}:
        assert f'id="{name}"' in text
    assert 'aria-invalid="true"' in text


def test_a_form_without_its_cookie_is_explained(settings, theme):
    client = Client(enforce_csrf_checks=True)
    response = client.post(reverse("account_login"), {"login": "alice", "password": "secret"})
    text = response.content.decode()
    assert response.status_code == 403
    assert "This page has expired" in text or theme != THEME
    assert "secret" not in text


# The menu


def menu(text: str) -> list[tuple[str, bool]]:
    (nav,) = re.findall(r"<nav.*?</nav>", text, re.DOTALL)
    return [(label.strip(), "aria-current" in attributes) for attributes, label in re.findall(r"<a ([^>]*)>(.*?)</a>", nav, re.DOTALL)]


def test_the_menu_leads_to_the_pages_that_there_are_and_says_which_one_this_is(client, alice, phone, theme):
    log_in(client, alice, phone)
    assert menu(client.get(reverse("two-factor-browsers")).content.decode()) == [
        ("Two-factor", True),
        ("Email", False),
        ("Password", False),
        ("Connections", False),
        ("Sign out", False),
    ]
    assert ("Email", True) in menu(client.get(reverse("account_email")).content.decode())


def test_a_visitor_is_led_to_the_login(client, theme):
    text = render_to_string("allauth/layouts/manage.html", {"user": None}, client.get("/").wsgi_request)
    assert menu(text) == [("Sign in", False), ("Sign up", False)]


class OnlyTheLogin:
    urlpatterns = (path("in/", RedirectView.as_view(), name="account_login"),)


def test_a_page_that_the_site_does_not_have_is_not_in_the_menu(settings, theme):
    settings.ROOT_URLCONF = OnlyTheLogin
    assert menu(render_to_string("allauth/layouts/manage.html", {})) == [("Sign in", False)]


def test_without_a_request_the_layout_names_no_site(theme):
    text = render_to_string("allauth/layouts/manage.html", {})
    assert menu(text) == [("Sign in", False), ("Sign up", False)]
    assert "example.com" not in text


# The stylesheets


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_a_stylesheet_is_small_fetches_nothing_and_has_no_left_and_no_right(sheet):
    text = sheet.read_text()
    assert len(text) < 12_000
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search(r"(margin|padding|border)-(left|right)|[\s;](left|right):|text-align: (left|right)", text)


def test_the_stylesheets_that_a_theme_names_are_found(theme, settings):
    settings.STATICFILES_DIRS = [THEME / "static", THEMES["bootstrap5"] / "static"]
    finders.get_finder.cache_clear()
    named = re.findall(r"{% static '(.+?)' %}", (theme / "templates/allauth/layouts/base.html").read_text())
    assert named
    assert all(finders.find(name) for name in named)
    assert "django.contrib.staticfiles" in project.INSTALLED_APPS
