"""Make a contender's database on PostgreSQL with users who have an app, and print them; with no users, drop it.

Run by throughput.py, in the contender's environment.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.core.management import call_command
from django.db import connection


def main() -> None:
    """Make or drop."""
    kind, users = sys.argv[1], int(sys.argv[2])
    name = str(connection.settings_dict["NAME"])
    with connection._nodb_cursor() as cursor:  # noqa: SLF001 - as Django makes its databases for tests
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        if not users:
            return
        cursor.execute(f'CREATE DATABASE "{name}"')
    from drivers import driver_for  # noqa: PLC0415 - its models need django.setup()

    call_command("migrate", verbosity=0)
    driver = driver_for(kind)
    accounts = [driver.sign_up(f"user{number}", apps=1, recovery=False) for number in range(users)]
    print(json.dumps([(account.username, account.secrets[0].hex()) for account in accounts]))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    main()
