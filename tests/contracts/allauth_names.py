"""Print as JSON what each dotted name on standard input is: its parameters, or its kind. Run by ``test_allauth.py``."""

from __future__ import annotations

import inspect
import json
import sys
from functools import partial
from importlib import import_module
from types import ModuleType

import django


def find(path: str) -> object:
    """Return what stands under a dotted name: the longest module, then attributes."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)


def describe(path: str) -> str:
    """Return the parameters of a function, ``class``, ``module`` or ``value``; what went wrong if it is not there."""
    try:
        found = find(path)
    except (AttributeError, ImportError, RuntimeError) as error:
        return f"missing: {error!r}"
    if isinstance(found, partial):
        # Ours stands in front. What it was given is allauth's own.
        found = found.args[0]
    if inspect.isclass(found):
        return "class"
    if isinstance(found, ModuleType):
        return "module"
    return " ".join(inspect.signature(found).parameters) if callable(found) else "value"


def main() -> None:
    """Describe what is asked for."""
    django.setup()
    json.dump({path: describe(path) for path in sys.argv[1:]}, sys.stdout)


if __name__ == "__main__":
    main()
