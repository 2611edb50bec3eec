"""A plugin for pytest that writes down how each test ended, and runs chosen ones of those that it collects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

SEVERITY = ("passed", "skipped", "failed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the two options."""
    parser.addoption("--outcomes", help="the file to write to")
    parser.addoption("--only", help="a file that lists the tests to run")


def pytest_configure(config: pytest.Config) -> None:
    """Listen in the process that hears of all tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Listener(config.getoption("outcomes"), config.getoption("only")))


class Listener:
    """Hears how tests end."""

    def __init__(self, file: str, only: str | None) -> None:
        self.file, self.only = Path(file), set(json.loads(Path(only).read_text())) if only else None
        self.outcomes: dict[str, dict[str, str]] = {}
        self.collected: list[str] = []

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Note what there is, and keep what is to be run."""
        self.collected = [item.nodeid for item in items]
        if self.only is not None:
            config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self.only])
            items[:] = [item for item in items if item.nodeid in self.only]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note how a test or a part of it ended; what fails before or after it is its failure too."""
        if report.when != "call" and report.passed:
            return
        name = report.nodeid + _part(report)
        before = self.outcomes.get(name, {}).get("outcome", "passed")
        if name not in self.outcomes or SEVERITY.index(report.outcome) > SEVERITY.index(before):
            self.outcomes[name] = {"test": report.nodeid, "outcome": report.outcome, "text": report.longreprtext[-2000:]}

    def pytest_collectreport(self, report: Any) -> None:
        """Note what cannot be collected."""
        if report.failed:
            self.outcomes[report.nodeid] = {"test": report.nodeid, "outcome": "failed", "text": report.longreprtext[-2000:]}

    def pytest_sessionfinish(self) -> None:
        """Write it down."""
        self.file.write_text(json.dumps({"outcomes": self.outcomes, "collected": self.collected}))


def _part(report: Any) -> str:
    """Return which subtest it is. Between processes, pytest quotes the values once more each time."""
    context = getattr(report, "context", None)
    if context is None:
        return ""
    values = [f"{name}={value.strip(chr(34) + chr(39))}" for name, value in context.kwargs.items()]
    return f" ({', '.join([*filter(None, [context.msg]), *values])})"
