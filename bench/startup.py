"""Print what it costs to start the project: processor time, memory, modules.

Run by run.py, in a contender's environment, in a process of its own each time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import django
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver


def resident_kilobytes() -> int:
    """Return the memory that this process occupies now."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


def main() -> None:
    """Start as a server does, up to the point where it could serve any page."""
    start = time.process_time_ns()
    django.setup()
    WSGIHandler()
    patterns = list(get_resolver().url_patterns)
    while patterns:
        patterns += getattr(patterns.pop(), "url_patterns", [])
    spent = time.process_time_ns() - start
    facts = {
        "milliseconds": spent / 1e6,
        "kilobytes": resident_kilobytes(),
        "modules": len(sys.modules),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
