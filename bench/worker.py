"""Measure one contender, in its environment, at the word of run.py.

Reads a JSON object a line (step, measure, repeat), answers with one a line.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django
from browser import Browser
from contenders import CONTENDERS
from database import Database
from drivers import driver_for
from measure import calls_of, is_write, processor_time_of, statements_of
from steps import STEPS, NotOfferedError, Step, UnexpectedOutcomeError, Visit

# A code may expire between its reading and its posting.
TRIES = 3
WARM_UP = 2
CAST = {
    "alice": {"apps": 0, "recovery": False},
    "bob": {"apps": 1, "recovery": True},
    "carol": {"apps": 10, "recovery": True},
}


class Stage:
    """The contender with its users, ready to play any step."""

    def __init__(self, kind: str) -> None:
        """Fill the database."""
        self._database = Database()
        self._driver = driver_for(kind)
        self._accounts = {username: self._driver.sign_up(username, **has) for username, has in CAST.items()}
        self._database.remember()
        self._warm: set[Step] = set()

    def measure(self, step: Step, kind: str, repeat: int) -> dict[str, Any]:
        """Play the step so often and return what was measured."""
        if step not in self._warm:
            for _ in range(WARM_UP):
                self._play(step, "queries")
            self._warm.add(step)
        return {"samples": [self._play(step, kind) for _ in range(repeat)]}

    def _play(self, step: Step, kind: str) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return self._play_once(step, kind)
            except UnexpectedOutcomeError:
                if not left:
                    raise
        raise AssertionError

    def _play_once(self, step: Step, kind: str) -> Any:
        self._database.put_back()
        visit = Visit(self._driver, self._accounts[step.username], Browser())
        scene = step.play(visit)
        run = next(scene)
        result = MEASURES[kind](run, step.loads)
        next(scene, None)
        return result


def _queries(run: Any, loads: int) -> dict[str, Any]:
    responses: list[Any] = []
    statements, after = statements_of(lambda: responses.extend(run()))
    return {
        "statements": statements,
        "queries": len(statements),
        "after": len(after),
        "writes": sum(map(is_write, statements)),
        "vary_cookie": "cookie" in responses[-1].get("Vary", "").lower(),
    }


def _processor_time(run: Any, loads: int) -> float:
    def work() -> None:
        for _ in range(loads):
            run()

    return processor_time_of(work) / loads


def _calls(run: Any, loads: int) -> dict[str, int]:
    python, everything = calls_of(run)
    return {"python": python, "all": everything}


MEASURES = {"queries": _queries, "time": _processor_time, "calls": _calls}


def main() -> None:
    """Answer until the input ends."""
    # What the contender prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind = CONTENDERS[sys.argv[1]].kind
    stage = Stage(kind)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = answer_to(stage, request)
        print(json.dumps(answer), file=answers, flush=True)


def answer_to(stage: Stage, request: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured, or why nothing was."""
    try:
        return stage.measure(STEPS[request["step"]], request["measure"], request["repeat"])
    except NotOfferedError:
        return {"not_offered": True}
    except Exception as error:  # noqa: BLE001 - told to the reader of the table
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    django.setup()
    main()
