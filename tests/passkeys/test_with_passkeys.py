"""The tests that need django-otp-webauthn.

They run with tests/settings_passkeys.py, in a process of their own, wherever the suite runs, which shows that everything
else works without it. By hand: ``python -m pytest --ds=tests.settings_passkeys tests/passkeys/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(300)
def test_the_tests_that_need_passkeys_pass():
    run_with("tests.settings_passkeys", "tests/passkeys/installed")
