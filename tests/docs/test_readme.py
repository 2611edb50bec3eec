"""The README says what is."""

from __future__ import annotations

import re
import tomllib

from django.conf import settings

from allauth_2fa import app_settings
from tests.docs.pages import DOCS, ROOT, blocks, rows, text_of

README = text_of("README.md")
MATRIX = tomllib.loads(text_of("pyproject.toml"))["tool"]["allauth-2fa"]["matrix"]

# Word for word what 0.x asked for.
APPS = [
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
    ...,
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "allauth_2fa.middleware.AllauthTwoFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]


def values_of(block):
    """Return the names that a block of settings sets."""
    values = {}
    exec(block, values)  # noqa: S102 - the block is the README's
    del values["__builtins__"]
    return values


def test_the_two_commands_stand_on_the_first_screen():
    first_screen = README.splitlines()[:20]
    assert [line.split("#")[0].strip() for line in first_screen if line.startswith("make ")] == ["make demo", "make test"]


def test_every_command_of_make_exists():
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.MULTILINE))
    pages = [README, *(page.read_text() for page in DOCS.glob("*.md"))]
    named = {name for page in pages for name in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_the_settings_are_those_of_0x():
    values = values_of(blocks(README, "python")[0])
    assert values == {
        "INSTALLED_APPS": APPS,
        "MIDDLEWARE": MIDDLEWARE,
        "ACCOUNT_ADAPTER": "allauth_2fa.adapter.OTPAdapter",
        "SITE_ID": 1,
    }


def test_the_settings_are_those_that_the_tests_run_with():
    values = values_of(blocks(README, "python")[0])
    assert settings.INSTALLED_APPS[: len(APPS)] == values["INSTALLED_APPS"]
    assert [path for path in settings.MIDDLEWARE if path in values["MIDDLEWARE"]] == values["MIDDLEWARE"][1:]
    assert values["ACCOUNT_ADAPTER"] == settings.ACCOUNT_ADAPTER
    assert values["SITE_ID"] == settings.SITE_ID


def test_the_upgrade_takes_five_lines_and_begins_with_the_default_that_changes():
    upgrade = README[README.index("## Upgrading") : README.index("## Compatibility")]
    steps = re.findall(r"^(\d)\. (.*)$", upgrade, re.MULTILINE)
    assert [number for number, _step in steps] == ["1", "2", "3", "4", "5"]
    assert "`ALLAUTH_2FA_ALWAYS_REVEAL_BACKUP_TOKENS` is now `False`" in steps[0][1]
    assert app_settings.SETTINGS["ALWAYS_REVEAL_BACKUP_TOKENS"].default() is False


def test_the_compatibility_table_is_the_matrix():
    expected = []
    for cell, row in MATRIX.items():
        pins = dict(re.findall(r"^([\w-]+)==(\S+)", text_of(f"requirements/{cell}.txt"), re.MULTILINE))
        expected.append([cell, row["python"], pins["django"], pins["django-allauth"], pins["django-otp"]])
    assert rows(README, "| Cell |") == expected


def test_the_databases_are_those_of_the_ci():
    runs = re.findall(r"^step (\w+) make test", text_of(".ci/run"), re.MULTILINE)
    assert runs == ["sqlite", "postgres", "mysql"]
    assert "SQLite, PostgreSQL and MariaDB" in README


def test_the_number_of_checks_is_right():
    ours = next(row[1] for row in rows(README, "| | this package |") if row[0] == "System checks")
    sources = "".join(path.read_text() for path in (ROOT / "src" / "allauth_2fa").rglob("*.py"))
    assert int(ours) == len(set(re.findall(r'"allauth_2fa\.([EW]\d{3})"', sources)))


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
