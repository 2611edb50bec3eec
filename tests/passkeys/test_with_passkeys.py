"""The tests that need django-otp-webauthn.

They run with tests/settings_passkeys.py, in a process of their own, wherever the suite runs, which shows that everything
else works without it. By hand: ``python -m pytest --ds=tests.settings_passkeys tests/passkeys/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with

INSTALLED = "tests/passkeys/installed"
AT_ONCE = f"{INSTALLED}/test_at_once.py"


@pytest.mark.same_in_each_version
@pytest.mark.timeout(300)
def test_one_answer_by_a_passkey_counts_once():
    run_with("tests.settings_passkeys", AT_ONCE)


@pytest.mark.oldest_and_newest
@pytest.mark.same_on_each_database
@pytest.mark.timeout(350)
def test_the_other_tests_that_need_passkeys_pass():
    run_with("tests.settings_passkeys", INSTALLED, f"--ignore={AT_ONCE}")
