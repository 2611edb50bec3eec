"""Whoever types the blocks of a guide into a site gets what the guide promises."""

from __future__ import annotations

import datetime as dt
import importlib
import re
import secrets
import textwrap

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import path

from allauth_2fa.requirement import policy
from allauth_2fa.testing import login_verified
from tests.cast import give_password
from tests.docs.pages import DOCS, blocks, files, text_of
from tests.docs.sites import run, start, walk
from tests.docs.test_examples import use_urls

SETTINGS, URLS = blocks(text_of("README.md"), "python")
KEYS = {"TWO_FACTOR_KEYS": secrets.token_urlsafe(32)}


def pages_of(name):
    return text_of(f"docs/{name}.md")


def settings_of(name):
    """Return the first block of settings on that page."""
    return next(block for block in blocks(pages_of(name), "python") if "INSTALLED_APPS" in block)


# The class of the walk, and what the reader of the guide has typed.
GUIDES = {
    "Passkeys": {"mysite/settings.py": settings_of("passkeys")},
    "Sms": {"mysite/settings.py": settings_of("sms")},
    "Email": {"mysite/settings.py": settings_of("email")},
    "Tokens": {"mysite/settings.py": settings_of("hotp"), "mysite/tokens.py": blocks(pages_of("hotp"), "python")[1]},
    "Yubikeys": {"mysite/settings.py": settings_of("yubikey")},
    "Secrets": {"mysite/settings.py": textwrap.dedent(text_of("docs/secrets-at-rest.md").split("```python\n")[1].split("```")[0])},
    "CustomUser": {"people/__init__.py": "", **files(pages_of("custom-user"))},
    "SeveralSites": {name: text for name, text in files(pages_of("several-sites")).items() if name.startswith("mysite/")},
}


def values_of(block, prefix="ALLAUTH_2FA_"):
    """Return the names that a block of a page sets."""
    values = {"__name__": "shop"}
    exec(block, values)  # noqa: S102 - the block is the page's
    return {name: value for name, value in values.items() if name.startswith(prefix)}


def use(settings, values):
    for name, value in values.items():
        setattr(settings, name, value)


def site_of(folder, typed):
    """Return the README's site with what the guide adds; its settings come below those of the README."""
    return start(folder, {**typed, "mysite/settings.py": SETTINGS + typed["mysite/settings.py"], "mysite/urls.py": URLS})


@pytest.mark.same_everywhere
@pytest.mark.timeout(240)
@pytest.mark.parametrize("guide", GUIDES)
def test_the_guide_leads_where_it_says(guide, tmp_path):
    site = site_of(tmp_path, GUIDES[guide])
    if guide == "CustomUser":
        assert "python manage.py makemigrations people" in pages_of("custom-user")
        assert run(site, "manage.py", "makemigrations", "people").returncode == 0
    tested = walk(site, "walk_guides.py", guide, **KEYS)
    assert tested.returncode == 0, tested.stderr
    assert "Ran 1 test" in tested.stderr
    assert "System check identified no issues" in tested.stderr + tested.stdout


@pytest.mark.same_everywhere
@pytest.mark.timeout(240)
def test_the_settings_for_production_leave_nothing_to_report(tmp_path):
    site = site_of(tmp_path, files(pages_of("production")))
    environment = {**KEYS, "SECRET_KEY": secrets.token_urlsafe(64), "REDIS_URL": "redis://127.0.0.1:6379/0", "MAIL_HOST": "localhost"}
    checked = run(site, "manage.py", "check", "--deploy", **environment)
    assert "System check identified no issues" in checked.stdout, checked.stderr


# trusted-browsers.md and step-up.md


@pytest.mark.django_db
def test_the_challenge_offers_to_trust_the_browser(client, alice, phone, settings):
    use(settings, values_of(files(pages_of("trusted-browsers"))["settings.py"]))
    give_password(client, alice)
    assert "Trust this browser for 30 days" in client.get("/accounts/two-factor/authenticate/").text


@pytest.mark.django_db
def test_a_view_asks_again_when_the_answer_is_five_minutes_old(client, alice, phone, settings):
    pay_out = values_of(next(block for block in blocks(pages_of("step-up"), "python") if "max_age=300" in block), "")["pay_out"]
    use_urls(settings, path("pay/", pay_out))
    login_verified(client, alice, phone)
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=301), tick=False):
        assert client.get("/pay/").status_code == 302


# rollout.md


def stage(number):
    return values_of(blocks(pages_of("rollout"), "python")[number])


@pytest.mark.django_db
def test_staff_must_have_a_factor_after_fourteen_days_and_nobody_else(alice, staff, settings):
    use(settings, stage(0))
    with time_machine.travel(dt.datetime(2027, 1, 4, tzinfo=dt.UTC), tick=False) as clock:
        assert [policy.requirement_of(user).status for user in (alice, staff)] == ["free", "grace"]
        clock.shift(dt.timedelta(days=14, seconds=1))
        assert [policy.requirement_of(user).status for user in (alice, staff)] == ["free", "due"]


@pytest.mark.django_db
def test_nobody_is_blocked_before_the_day_nor_within_fourteen_days_of_the_first_visit(alice, bob, settings):
    use(settings, stage(1))
    with time_machine.travel(dt.datetime(2027, 1, 4, tzinfo=dt.UTC), tick=False) as clock:
        assert policy.requirement_of(alice).status == "grace"
        clock.move_to(dt.datetime(2027, 2, 28, 12, tzinfo=dt.UTC))
        assert policy.requirement_of(alice).status == "grace"
        clock.move_to(dt.datetime(2027, 3, 2, tzinfo=dt.UTC))
        assert [policy.requirement_of(user).status for user in (alice, bob)] == ["due", "grace"]
        clock.shift(dt.timedelta(days=14))
        assert policy.requirement_of(bob).status == "due"


@pytest.mark.django_db
def test_the_command_that_watches_fails_until_enough_users_have_a_factor(alice, phone, bob, settings, capsys):
    use(settings, stage(1))
    (command,) = [line for line in "".join(blocks(pages_of("rollout"), "console")).splitlines() if "--fail-below" in line]
    arguments = command.split()[2:]
    with pytest.raises((SystemExit, CommandError)):
        call_command(*arguments)
    bob.totpdevice_set.create(confirmed=True)
    call_command(*arguments)


# several-sites.md


@pytest.mark.django_db
def test_one_host_requires_it_and_the_other_does_not(alice, shop, settings):
    settings.ALLOWED_HOSTS = ["shop.example.com", "office.example.com"]
    importlib.import_module("shop.office_host")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "shop.office_host.RequireInTheOffice"]
    for host, status in (("shop", 200), ("office", 302)):
        client = Client(headers={"host": f"{host}.example.com"})
        give_password(client, alice)
        assert client.get("/").status_code == status


# guides.md


def test_each_guide_in_the_table_is_a_page_and_each_goal_has_one():
    table = pages_of("guides")
    assert table.count("](") > 25
    assert {page.stem for page in DOCS.glob("*.md")} >= set(re.findall(r"\]\(([\w-]+)\.md", table))
