"""The tests that need django-hijack, django-loginas and django-impersonate.

They run with tests/settings_impersonation.py, in a process of their own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_impersonation tests/impersonation/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(300)
def test_the_tests_that_need_the_apps_pass():
    run_with("tests.settings_impersonation", "tests/impersonation/installed")
