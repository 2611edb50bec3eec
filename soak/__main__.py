"""Let many people sign in at once while workers are killed, then compare: ``python -m soak --help``."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--logins", type=int, default=20_000, help="how many times a password is given (%(default)s)")
    parser.add_argument("--people", type=int, help="how many people there are (one for each eight logins)")
    parser.add_argument("--kill-every", type=int, default=200, metavar="N", help="kill a worker every N logins, 0: never (%(default)s)")
    parser.add_argument("--stop-cache", action="store_true", help="stop Redis for the middle third of the run")
    parser.add_argument("--autocommit", action="store_true", help="requests are no transactions: ATOMIC_REQUESTS is off, Django's default")
    return parser.parse_args()


def main() -> int:
    """Run the soak, and return the exit code: 0 if everything agrees."""
    asked = options()
    if not os.environ.get("TEST_POSTGRES"):
        raise SystemExit("The soak needs PostgreSQL: set TEST_POSTGRES, as in postgres://user@127.0.0.1:5432/postgres")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "soak.settings", "TEST_DATABASE": "postgres"}
    os.environ["SOAK_AUTOCOMMIT"] = "1" if asked.autocommit else ""
    import django  # noqa: PLC0415 - the settings are told by the options

    django.setup()
    from soak import compare, people, report, site  # noqa: PLC0415 - the same
    from soak.ledger import Ledger  # noqa: PLC0415 - the same
    from soak.run import Run  # noqa: PLC0415 - the same

    with site.database() as name, closing(site.Redis()) as redis, site.running(redis, name) as workers:
        crowd, ledger = people.make_people(asked.people or max(60, asked.logins // 8)), Ledger()
        run = Run(asked, workers, redis, ledger, crowd)
        run.play()
        wrong = [*ledger.complaints, *compare.differences(ledger, crowd)]
        print(report.table(asked, run, ledger))
        for line in wrong[:40]:
            print(f"DISAGREES: {line}")
        print(f"{len(wrong)} disagreements" if wrong else "Everything agrees.")
        if wrong:
            print(workers.complaints.read_text()[-4000:], file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
