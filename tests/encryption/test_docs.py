"""The page about secrets at rest says what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from textwrap import dedent

from django.core.management import load_command_class

from allauth_2fa.encryption import cipher
from allauth_2fa.encryption.sweep import BATCH_SIZE, Action
from allauth_2fa.management.commands.allauth_2fa_secrets import INTERRUPTED, LOST, WORK_LEFT
from tests.docs.pages import rows, text_of

PAGE = text_of("docs/secrets-at-rest.md")


def test_the_command_that_makes_a_key_makes_one_that_can_be_used():
    command = re.search(r"python -c \"(import secrets.*?)\"\n", PAGE)[1]
    made = [subprocess.check_output([sys.executable, "-c", command], text=True).strip() for _ in range(2)]  # noqa: S603 - the page's own
    assert [cipher.weakness(key) for key in made] == ["", ""]
    assert made[0] != made[1]
    assert all(command in text for text in (text_of("docs/settings.md"), text_of("src/allauth_2fa/checks/factors.py")))


def test_the_setting_on_the_page_takes_keys_from_the_environment(monkeypatch):
    monkeypatch.setenv("TWO_FACTOR_KEYS", "newer older")
    values = {}
    block = re.search(r"^   ```python\n(.*?)^   ```", PAGE, re.MULTILINE | re.DOTALL)[1]
    exec(dedent(block), values)  # noqa: S102 - the block is the page's
    assert values["ALLAUTH_2FA_ENCRYPTION_KEYS"] == ["newer", "older"]


def test_the_actions_and_options_of_the_command_are_on_the_page_and_no_others():
    section = PAGE[PAGE.index("## The command") : PAGE.index("## When a key is lost")]
    named = re.findall(r"^`(\S+)`\n: ", section, re.MULTILINE)
    parser = load_command_class("allauth_2fa", "allauth_2fa_secrets").create_parser("manage.py", "allauth_2fa_secrets")
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    own = {"--dry-run", "--batch-size", "--json", "--verbosity"}
    assert own <= options
    assert sorted(named) == sorted([action.value for action in Action] + sorted(own))
    assert f"(default: {BATCH_SIZE})" in section


def test_the_exit_codes_are_on_the_page_and_no_others():
    assert [int(row[0]) for row in rows(PAGE, "| code | meaning |")] == [0, 1, WORK_LEFT, LOST, INTERRUPTED]
