"""The tests that need allauth's headless API, REST framework, dj-rest-auth and Channels installed.

They run with tests/settings_tokens.py, in a process of their own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_tokens tests/tokens/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(300)
def test_the_tests_of_tokens_pass():
    run_with("tests.settings_tokens", "tests/tokens/installed")
