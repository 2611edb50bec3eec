"""The tests that need more of django-otp's plugins.

They run with tests/settings_plugins.py, in a process of their own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_plugins tests/plugins_of_django_otp/installed``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cast import run_with

INSTALLED = "tests/plugins_of_django_otp/installed"
ON_EACH_DATABASE = {"test_any_device.py", "test_attacks_at_once.py", "test_sent_in_processes.py"}


def test_what_runs_on_each_database_is_there():
    assert {path.name for path in Path(__file__).with_name("installed").iterdir()} > ON_EACH_DATABASE


@pytest.mark.same_in_each_version
@pytest.mark.timeout(400)
def test_the_tests_that_need_more_plugins_and_a_database_pass():
    run_with("tests.settings_plugins", *(f"{INSTALLED}/{name}" for name in sorted(ON_EACH_DATABASE)))


@pytest.mark.oldest_and_newest
@pytest.mark.same_on_each_database
@pytest.mark.timeout(450)
def test_the_other_tests_that_need_more_plugins_pass():
    run_with("tests.settings_plugins", INSTALLED, *(f"--ignore={INSTALLED}/{name}" for name in sorted(ON_EACH_DATABASE)))
