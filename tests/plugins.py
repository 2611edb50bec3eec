"""The pytest plugin that leaves out what cannot run on this machine, and says so; and has the long tests begin first.

A test marked ``@pytest.mark.needs("redis")`` runs where Redis is present; everything in tests/browser needs the browser.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings

from tests.services import SERVICES

BROWSER_TESTS = Path(__file__).parent / "browser"

LONG = 240
"""Seconds: a test that may take so long is a long one. Most of them start a pytest of their own."""


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Name the test databases after this process: on one server, runs do not take each other's away.

    A run starts others, for sites of another make, and two checkouts may be tested at once.
    """
    for database in settings.DATABASES.values():
        if "sqlite" not in database["ENGINE"]:
            database["TEST"]["NAME"] += f"_{os.getpid()}"


def missing(item: pytest.Item) -> list[str]:
    """Return the names of the services that the test needs and the machine has not."""
    needed = [name for marker in item.iter_markers("needs") for name in marker.args]
    if BROWSER_TESTS in item.path.parents:
        needed.append("browser")
    return [name for name in needed if SERVICES[name].find() is None]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, each with the reason that the summary counts by, and put the rest in order."""
    for item in items:
        for name in missing(item):
            item.add_marker(pytest.mark.skip(reason=left_out(name)))
    items[:] = in_order(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def in_order(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests in the order in which several processes end together: the long ones first, in each one's share.

    pytest-xdist's "worksteal" gives each process as many tests, one stretch of the list. A process that is done takes over from the
    end of another's stretch. The browser's tests stay together, so that it starts once.
    """
    long = sorted((item for item in items if time_allowed(item) >= LONG), key=time_allowed, reverse=True)
    others = [item for item in items if time_allowed(item) < LONG]
    others.sort(key=lambda item: BROWSER_TESTS not in item.path.parents)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        begin = long[worker::workers]
        size = max((len(items) - len(ordered)) // (workers - worker) - len(begin), 0)
        ordered += begin + others[:size]
        del others[:size]
    return ordered


def time_allowed(item: pytest.Item) -> float:
    """Return the seconds after which the test counts as one that hangs, 0 for those without a limit of their own."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0


def left_out(name: str) -> str:
    """Return the reason as it stands in the report."""
    return f"left out, needs {SERVICES[name].title}: {SERVICES[name].remedy}"


def reason_of(report: pytest.TestReport) -> str:
    """Return why the test was skipped."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on which database this was, and what was left out and why."""
    terminalreporter.section("what was left out")
    terminalreporter.write_line(f"This ran on {os.environ.get('TEST_DATABASE', 'sqlite')}.")
    for name in ("postgres", "mysql"):
        if SERVICES[name].find() is None:
            terminalreporter.write_line(f"The suite on {SERVICES[name].title} was left out: {SERVICES[name].remedy}.")
    skipped = Counter(reason_of(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in sorted(skipped.items()):
        terminalreporter.write_line(f"{count} tests: {reason}.")
    if not skipped:
        terminalreporter.write_line("No single test was left out.")
