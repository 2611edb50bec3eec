"""The matrix of every factor against every entrance.

It runs with tests/settings_matrix.py, in a process of its own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_matrix tests/matrix/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.same_everywhere
@pytest.mark.timeout(500)
def test_the_matrix_holds():
    run_with("tests.settings_matrix", "tests/matrix/installed/test_matrix.py")


@pytest.mark.same_everywhere
@pytest.mark.timeout(600)
def test_no_order_of_events_admits_anybody_without_the_factor():
    run_with("tests.settings_matrix", "tests/matrix/installed/test_never_without_the_factor.py")


@pytest.mark.same_in_each_version
@pytest.mark.timeout(500)
def test_one_answer_in_several_processes_counts_once():
    run_with("tests.settings_matrix", "tests/matrix/installed/test_at_once.py")


@pytest.mark.same_everywhere
@pytest.mark.timeout(900)
def test_owners_get_in_while_somebody_guesses():
    run_with("tests.settings_matrix", "tests/matrix/installed/test_owners_get_in.py")
