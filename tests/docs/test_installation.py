"""Whoever installs the package by the README gets a working, safe site; so does whoever follows that of 0.x, word for word."""

from __future__ import annotations

import pytest
from django.conf import settings as test_settings

from tests.docs.pages import blocks, text_of
from tests.docs.sites import run, start, walk

pytestmark = [pytest.mark.same_everywhere, pytest.mark.timeout(240)]  # whole sites, with passwords hashed as slowly as their users' are

SETTINGS, URLS = blocks(text_of("README.md"), "python")

# What 0.x asked for. "..." stands for what a site has already, and here for what Django has written there.
SETTINGS_0X = """
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.sites",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "allauth_2fa",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "allauth_2fa.middleware.AllauthTwoFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ACCOUNT_ADAPTER = "allauth_2fa.adapter.OTPAdapter"
SITE_ID = 1
LOGIN_REDIRECT_URL = "two-factor-setup"
"""
URLS_0X = """
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.urls import include, path

admin.site.login = staff_member_required(admin.site.login, login_url="/accounts/login")
admin.autodiscover()

urlpatterns = [
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
"""
SITES = {"now": (SETTINGS, URLS), "0.x": (SETTINGS_0X, URLS_0X)}


def values_of(block):
    """Return the names that a block of settings sets."""
    values = {}
    exec(block, values)  # noqa: S102 - the block is the one above
    return values


def test_the_suite_runs_with_the_installation_of_0x():
    of_0x = values_of(SETTINGS_0X)
    assert set(of_0x["INSTALLED_APPS"]) <= set(test_settings.INSTALLED_APPS)
    ours = [path for path in of_0x["MIDDLEWARE"] if path.startswith(("django_otp", "allauth"))]
    assert [path for path in test_settings.MIDDLEWARE if path in ours] == ours
    assert of_0x["ACCOUNT_ADAPTER"] == test_settings.ACCOUNT_ADAPTER
    assert of_0x["SITE_ID"] == test_settings.SITE_ID


@pytest.fixture(scope="module", params=SITES)
def site(request, tmp_path_factory):
    settings, urls = SITES[request.param]
    return start(tmp_path_factory.mktemp("site"), {"mysite/settings.py": settings, "mysite/urls.py": urls})


def test_the_site_has_no_issues(site):
    assert run(site, "manage.py", "migrate").returncode == 0
    checked = run(site, "manage.py", "check")
    assert "System check identified no issues" in checked.stdout, checked.stderr


def test_the_first_steps_work_and_no_login_gets_past_the_second_factor(site):
    tested = walk(site, "walk_installed.py")
    assert tested.returncode == 0, tested.stderr
    assert "Ran 5 tests" in tested.stderr
