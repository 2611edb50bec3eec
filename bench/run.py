"""Measure this package beside its rivals, in one run: python bench/run.py --help."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import company
import throughput
from contenders import A0, CONTENDERS, HERE, OURS, OURS_SIX, QR, REFERENCE, SERVED, B, C, D, Environment
from environments import ensure, python_of, versions
from report import everything
from steps_table import TITLES

ENVIRONMENTS = (A0, B, C, D, OURS, OURS_SIX)
# What each is compared with: the same project without it.
BARE = {"a0": "allauth", "b": "allauth", "c": "django", "d": "django", "ours": "allauth"}
LEVELS = {"d": "required"}
SHOWN_VERSIONS = (
    "django",
    "django-allauth",
    "django-allauth-2fa",
    "django-otp",
    "django-two-factor-auth",
    "django-mfa3",
)
KILO = 1024


def main() -> None:
    """Measure what was asked for and print the report."""
    options = _options()
    wanted = options.only or [*TITLES, "qr", "startup", "http"]
    for environment in ENVIRONMENTS:
        ensure(environment)
    results: dict[str, Any] = {"versions": _versions(), "steps": {}}
    steps = [step for step in TITLES if step in wanted]
    if steps:
        rounds, repeat = (2, 1) if options.quick else (9, 3)
        results["steps"] = measure_steps(steps, rounds, repeat)
    if "qr" in wanted:
        ensure(QR)
        results["qr"] = measure_qr(rounds=5 if options.quick else 50)
    if "startup" in wanted:
        results["startup"] = measure_startup(rounds=3 if options.quick else 15)
    if "http" in wanted and options.postgres:
        results["http"] = measure_http(options.postgres, *((2, 10) if options.quick else (9, 30)))
    print(everything(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs: counts as good, times rough")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*TITLES, "qr", "startup", "http"],
        metavar="STEP",
        help="measure this alone; may be given again. One of: %(choices)s",
    )
    parser.add_argument(
        "--postgres",
        metavar="URL",
        help="a server for the logins over HTTP, as in postgres://user@127.0.0.1:5432; without it, none are measured",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there as well")
    return parser.parse_args()


def _versions() -> dict[str, str]:
    lines = {"Python": sys.version.split()[0]}
    for environment in ENVIRONMENTS:
        installed = versions(environment)
        shown = [f"{name} {installed[name]}" for name in SHOWN_VERSIONS if name in installed]
        lines[environment.name] = ", ".join(shown)
    return lines


def measure_steps(steps: list[str], rounds: int, repeat: int) -> dict[str, Any]:
    """Return the figures of each step for each contender."""
    with tempfile.TemporaryDirectory() as directory:
        workers = company.start(list(CONTENDERS), Path(directory))
        try:
            return {step: _measure_step(step, workers, rounds, repeat) for step in steps}
        finally:
            for worker in workers.values():
                worker.stop()


def _measure_step(step: str, workers: dict[str, company.Worker], rounds: int, repeat: int) -> dict[str, Any]:
    print(f"measuring: {TITLES[step]} ...", file=sys.stderr)
    figures = {name: _counts(step, worker) for name, worker in workers.items()}
    able = [name for name, counts in figures.items() if "queries" in counts]
    times = _times(step, {name: workers[name] for name in able}, rounds, repeat)
    for name in able:
        figures[name]["milliseconds"] = statistics.median(times[name])
        if REFERENCE in able:
            pairs = zip(times[name], times[REFERENCE], strict=True)
            figures[name]["ratio"] = statistics.median(a / b for a, b in pairs)
    return figures


def _counts(step: str, worker: company.Worker) -> dict[str, Any]:
    answer = worker.measure(step, "queries")
    if "samples" not in answer:
        return answer
    calls = worker.measure(step, "calls")
    if "samples" not in calls:
        return calls
    return {**answer["samples"][0], "calls": calls["samples"][0]["all"]}


def _times(step: str, workers: dict[str, company.Worker], rounds: int, repeat: int) -> dict[str, list[float]]:
    """Return each contender's milliseconds, one figure a round.

    All are measured in each round, and each round begins with another one: what the
    machine does besides falls on all of them alike.
    """
    names = list(workers)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        start = number % max(len(names), 1)
        for name in names[start:] + names[:start]:
            samples = workers[name].measure(step, "time", repeat)["samples"]
            times[name].append(statistics.median(samples) / 1e6)
    return times


def measure_qr(rounds: int) -> dict[str, Any]:
    """Return size, time and readability of each library's QR code."""
    print("measuring: QR codes ...", file=sys.stderr)
    return _json_of(QR, "ours", "default", "qr.py", str(rounds))


def measure_http(postgres: str, rounds: int, number: int) -> dict[str, Any]:
    """Return how many logins a second each serves over HTTP."""
    for contender in SERVED:
        ensure(contender.environment)
    print("measuring: logins over HTTP ...", file=sys.stderr)
    return throughput.measure(list(SERVED), postgres, rounds, number)


def measure_startup(rounds: int) -> dict[str, Any]:
    """Return what each adds to the start of a project that lacks it."""
    print("measuring: start-up ...", file=sys.stderr)
    runs: dict[str, list[tuple[Any, Any]]] = {name: [] for name in BARE}
    environments = {environment.name: environment for environment in ENVIRONMENTS}
    # The first start of each compiles the modules, and does not count.
    for _ in range(rounds + 1):
        for name, bare in BARE.items():
            without = _json_of(environments[name], bare, "bare", "startup.py")
            level = LEVELS.get(name, "default")
            runs[name].append((without, _json_of(environments[name], name, level, "startup.py")))
    return {name: _over(BARE[name], pairs[1:]) for name, pairs in runs.items()}


def _over(bare: str, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    def median(figure: str) -> float:
        return statistics.median(full[figure] - less[figure] for less, full in pairs)

    # The start does the same work each time: what else the machine does only ever adds to it.
    fastest_full = min(full["milliseconds"] for _less, full in pairs)
    fastest_bare = min(less["milliseconds"] for less, _full in pairs)
    return {
        "over": bare,
        "milliseconds": fastest_full - fastest_bare,
        "ratio": (fastest_full - fastest_bare) / fastest_bare,
        "megabytes": median("kilobytes") / KILO,
        "modules": median("modules"),
    }


def _json_of(environment: Environment, kind: str, level: str, *command: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(python_of(environment)), *command],
        cwd=HERE,
        env=company.environment_of(kind, level, Path(":memory:")),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    main()
