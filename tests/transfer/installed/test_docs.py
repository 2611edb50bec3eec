"""The page about the transfer has the words of the transfer."""

import re
from pathlib import Path

from django.core.management import load_command_class

from allauth_2fa.transfer.report import Outcome, Remark

PAGE = (Path(__file__).parents[3] / "docs" / "transfer.md").read_text()


def rows_below(heading):
    """Return the first column of the table that follows a line."""
    table = PAGE.split(heading, 1)[1].split("\n\n", 2)[1]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def test_every_outcome_stands_in_the_table_in_order():
    assert rows_below("they add up to all your users:") == [outcome.value for outcome in Outcome]


def test_every_remark_stands_in_the_table():
    assert sorted(rows_below("ted with the key of the user and of the device, and counted:")) == sorted(remark.value for remark in Remark)


def test_the_example_speaks_the_words_of_the_code():
    words = {*(outcome.value for outcome in Outcome), *(remark.value for remark in Remark)}
    (example,) = re.findall(r"allauth_2fa_migrate\n   (user .*?)```", PAGE, re.DOTALL)
    shown = {
        re.sub(r"^ *(\d+|user [^:]+:) | \(.*\)$", "", line.strip()) for line in example.splitlines() if ": " in line or "moved" in line
    }
    assert {line for line in shown if line.strip()} <= words | {"Check these:"}


def test_every_option_of_the_command_is_described():
    parser = load_command_class("allauth_2fa", "allauth_2fa_migrate").create_parser("manage.py", "allauth_2fa_migrate")
    own = {"--dry-run", "--batch-size"}
    assert own <= {option for action in parser._actions for option in action.option_strings}
    assert set(re.findall(r"^`(--[a-z-]+)`$", PAGE, re.MULTILINE)) == {*own, "--verbosity"}
    assert f"(default: {parser.get_default('batch_size')})" in PAGE
