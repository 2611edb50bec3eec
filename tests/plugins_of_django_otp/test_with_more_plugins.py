"""The tests that need more of django-otp's plugins.

They run with tests/settings_plugins.py, in a process of their own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_plugins tests/plugins_of_django_otp/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(600)
def test_the_tests_that_need_more_plugins_pass():
    run_with("tests.settings_plugins", "tests/plugins_of_django_otp/installed")
