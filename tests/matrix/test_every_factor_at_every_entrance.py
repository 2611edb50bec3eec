"""The matrix of every factor against every entrance.

It runs with tests/settings_plugins.py, in a process of its own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_plugins tests/matrix/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.timeout(900)
def test_the_matrix_holds():
    run_with("tests.settings_plugins", "tests/matrix/installed")
