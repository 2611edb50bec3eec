"""Run the neighbours' own tests with this package installed: ``make neighbours``, ``python -m neighbours --help``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from . import compare, sources
from .suites import SUITES, run

if TYPE_CHECKING:
    from .suites import Outcome, Suite


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m neighbours", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"which ones to run: {', '.join(SUITES)} (all)")
    parser.add_argument("--whole", action="store_true", help="run all tests without this package as well, and not only those in question")
    parser.add_argument("--jobs", default="2", help="how many processes run the tests (%(default)s)")
    asked = parser.parse_args()
    if unknown := set(asked.suites) - set(SUITES):
        parser.error(f"There is no suite {', '.join(sorted(unknown))}.")
    return asked


def differences(suite: Suite, *, jobs: str, whole: bool) -> dict[str, Outcome]:
    """Run a suite with this package and without it, and return what ends well only without it.

    A test that passes with this package is no difference, however it ends without. So without it the suite is collected,
    to see that no test is missing, and only the tests that did not pass are run again.
    """
    began = time.monotonic()
    with_us = run(suite, with_us=True, jobs=jobs)
    in_question = None if whole else sorted({outcome.test for outcome in with_us.outcomes.values() if not outcome.passed})
    bare = run(suite, with_us=False, jobs=jobs, only=in_question)
    found = compare.differing(with_us, bare)
    passed = sum(outcome.passed for outcome in with_us.outcomes.values())
    seconds = time.monotonic() - began
    print(f"{suite.name}: {len(with_us.outcomes)} results, {passed} passed, {len(found)} differ from those without us ({seconds:.0f} s)")
    return found


def main() -> int:
    """Run the suites, and return the exit code: 0 if exactly the listed tests differ."""
    asked, listed, complaints = options(), compare.listed(), []
    for name in asked.suites or SUITES:
        suite = SUITES[name]
        sources.fetch(suite.distribution)
        found = differences(suite, jobs=asked.jobs, whole=asked.whole)
        complaints += compare.complaints(suite.name, found, listed.get(name, {}))
    complaints += [f"differences.toml lists tests of {name}, which is no suite." for name in sorted(set(listed) - set(SUITES))]
    print("\n".join(complaints) or "Exactly the listed tests differ.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
