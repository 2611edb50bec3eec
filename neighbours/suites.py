"""Which suites there are, and how one is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import sources

BESIDE = Path(__file__).parent / "beside"
"""The settings with this package, and the plugin that writes down how each test ended."""

ENDINGS = (0, 1, 5)
"""pytest has run to its end: all passed, some failed, none was asked for."""


@dataclass(frozen=True)
class Suite:
    """A test suite, in one configuration."""

    name: str
    distribution: str
    settings: str
    tests: tuple[str, ...]
    """Folders and files; ``*`` stands for whatever is there."""
    left_out: tuple[str, ...] = ()
    path: tuple[str, ...] = (".",)
    """Where in the source distribution its modules are."""
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Return the unpacked source distribution."""
        return sources.unpacked(self.distribution)

    def targets(self) -> list[str]:
        """Return the folders and files to run. allauth's own conftest makes pytest's ``--ignore`` do nothing."""
        left_out = {path for pattern in self.left_out for path in self.folder.glob(pattern)}
        found = sorted({path for pattern in self.tests for path in self.folder.glob(pattern)} - left_out)
        return [str(path.relative_to(self.folder)) for path in found]


@dataclass(frozen=True)
class Outcome:
    """How a test, or a part of one (a subtest), ended."""

    test: str
    """The test that pytest has to run to see this again."""
    outcome: str
    text: str = ""

    @property
    def passed(self) -> bool:
        """Return whether it passed; a skipped test has not."""
        return self.outcome == "passed"


@dataclass(frozen=True)
class Run:
    """What one run of a suite has seen."""

    outcomes: dict[str, Outcome]
    collected: frozenset[str]


ALLAUTH = {"distribution": "django-allauth", "settings": "with_allauth"}
# Folders and files by name: without allauth.mfa its tests cannot run, and the providers know of no second factor.
ONCE = ("tests/apps/socialaccount/providers",)
OF_MFA = ("tests/apps/mfa", "tests/apps/headless/mfa")
FILES = ("tests/apps/account", "tests/apps/core", "tests/apps/usersessions", "tests/apps/idp", "tests/apps/test_*.py")
PARTS = ("tests/apps/headless/[a-z]*", "tests/apps/socialaccount/internal", "tests/apps/socialaccount/test_*.py")

SUITES = {
    suite.name: suite
    for suite in (
        Suite("allauth", tests=("tests",), variables={"NEIGHBOURS_PROJECT": "regular", "NEIGHBOURS_MFA": "1"}, **ALLAUTH),
        Suite(
            "allauth-without-mfa",
            tests=(*FILES, *PARTS),
            left_out=(*ONCE, *OF_MFA, "tests/apps/headless/conftest.py"),
            variables={"NEIGHBOURS_PROJECT": "regular", "NEIGHBOURS_MFA": "0"},
            **ALLAUTH,
        ),
        Suite(
            "allauth-headless-only",
            tests=("tests/apps/headless",),
            variables={"NEIGHBOURS_PROJECT": "headless_only", "NEIGHBOURS_MFA": "1"},
            **ALLAUTH,
        ),
        Suite(
            "django-otp",
            distribution="django-otp",
            settings="with_django_otp",
            tests=("src",),
            path=("src", "test"),
            arguments=("-c", str(BESIDE / "django_otp.ini"), "--rootdir", "."),
        ),
    )
}


def run(suite: Suite, *, with_us: bool, jobs: str, only: list[str] | None = None) -> Run:
    """Run a suite in a process of its own; with ``only``, collect all of it and run these tests."""
    with tempfile.TemporaryDirectory() as folder:
        seen, chosen = Path(folder, "seen.json"), Path(folder, "chosen.json")
        quiet = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--timeout", "120", "-p", "outcomes", "--outcomes", str(seen))
        command = [sys.executable, "-m", "pytest", *quiet, *suite.arguments, f"--ds={suite.settings}"]
        if only is None:
            command += ["--numprocesses", jobs]
        else:
            chosen.write_text(json.dumps(only))
            command += ["--only", str(chosen)]
        ended = subprocess.run(
            [*command, *suite.targets()],
            cwd=suite.folder,
            env=_variables(suite, with_us=with_us),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode not in ENDINGS or not seen.exists():
            raise SystemExit(f"{ended.stdout[-8000:]}\n{suite.name} did not run to its end.")
        return _read(json.loads(seen.read_text()))


def _variables(suite: Suite, *, with_us: bool) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    path = os.pathsep.join([*suite.path, str(BESIDE)])
    return {**inherited, **suite.variables, "NEIGHBOURS_WITH_US": "1" if with_us else "0", "PYTHONPATH": path}


def _read(seen: dict) -> Run:
    outcomes = {name: Outcome(**outcome) for name, outcome in seen["outcomes"].items()}
    return Run(outcomes, frozenset(seen["collected"]) | {outcome.test for outcome in outcomes.values()})
