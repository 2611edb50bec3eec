"""Time ``manage.py allauth_2fa_migrate`` beside the command of 0.12, in one run on SQLite.

    python bench/transfer.py                               # 50,000 users, twice: about three minutes
    python bench/transfer.py --users 10000 --rounds 3

It needs Python 3.11 or newer, and the network for the first run: 0.12 is installed from the registry into
``bench/.envs/a0``, this checkout into ``bench/.envs/ours``. Every user has an authenticator app and three recovery
codes, from the same seed for both. The commands take turns, each time on a fresh copy of its database. Printed are
users a second by the wall clock, microseconds of processor time a user, and the memory that the command added to the
process: for all the users, and what each further user costs beyond a fifth of them. The run ends with an error if the
two do not arrive at the same rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from contenders import A0, OURS
from environments import ensure, python_of

CONTENDERS = {"0.12": A0, "ours": OURS}
CODES = 3
MEGA = 1024 * 1024
# Linux counts kilobytes here, macOS bytes.
MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Run the contenders in turn, and print what came out."""
    options = _options()
    if options.child:
        print(json.dumps(child(options.child, options.database, options.users)))
        return
    for environment in CONTENDERS.values():
        ensure(environment)
    with tempfile.TemporaryDirectory() as folder:
        few = measure(Path(folder) / "few", options.users // 5, 1)
        many = measure(Path(folder) / "many", options.users, options.rounds)
    for name, runs in many.items():
        print(f"{name:>5}  {summary(runs, few[name], options.users)}")
    old, new = many["0.12"], many["ours"]
    for word, column in (("by the wall clock", "seconds"), ("in processor time", "processor")):
        ratio = statistics.median(a[column] / b[column] for a, b in zip(old, new, strict=True))
        print(f"ours is {ratio:.1f} times as fast {word}")


def measure(folder: Path, users: int, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Fill a database for each contender, then let them take turns."""
    folder.mkdir()
    for name in CONTENDERS:
        start(name, "fill", folder / f"{name}.kept", users)
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        print(f"{users} users, round {number + 1} of {rounds} ...", file=sys.stderr)
        for name in CONTENDERS:
            database = folder / name
            shutil.copyfile(folder / f"{name}.kept", database)
            results[name].append(start(name, "move", database, users))
        if len({fingerprint(folder / name) for name in CONTENDERS}) > 1:
            sys.exit("the two commands did not arrive at the same rows")
    return results


def start(name: str, what: str, database: Path, users: int) -> dict[str, Any]:
    """Run this file in the contender's environment."""
    command = [str(python_of(CONTENDERS[name])), __file__, "--users", str(users), "--database", str(database), "--child", what]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def fingerprint(database: Path) -> str:
    """Return what two databases have in common that hold the same authenticators, whatever the order of the codes."""
    digest = hashlib.sha256()
    connection = sqlite3.connect(database)
    for user, kind, text in connection.execute("SELECT user_id, type, data FROM mfa_authenticator ORDER BY 1, 2"):
        data = {key: sorted(value) for key, value in json.loads(text).items()}
        digest.update(repr((user, kind, data)).encode())
    connection.close()
    return digest.hexdigest()


def summary(runs: list[dict[str, Any]], few: list[dict[str, Any]], users: int) -> str:
    """Return a contender's line."""
    speed = users / statistics.median(run["seconds"] for run in runs)
    processor = statistics.median(run["processor"] for run in runs) / users * 1e6
    memory = statistics.median(run["memory"] for run in runs)
    each = (memory - few[0]["memory"]) / (users - users // 5)
    return f"{speed:8,.0f} users/s  {processor:6.0f} µs of processor a user  {memory / MEGA:6.1f} MB more, {each:6.0f} bytes a further user"


def child(what: str, database: str, users: int) -> dict[str, Any]:
    """Be one contender, in its own environment."""
    import django  # noqa: PLC0415 - only the environments have it
    from django.conf import settings  # noqa: PLC0415

    settings.configure(
        SECRET_KEY="of the benchmark",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SITE_ID=1,
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "django.contrib.sites",
            "allauth",
            "allauth.account",
            "allauth.mfa",
            "django_otp",
            "django_otp.plugins.otp_static",
            "django_otp.plugins.otp_totp",
            "allauth_2fa",
        ],
    )
    django.setup()
    return {"fill": fill, "move": move}[what](users)


def fill(users: int) -> dict[str, Any]:
    """Make the users and their devices."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415
    from django_otp.plugins.otp_static.models import StaticDevice, StaticToken  # noqa: PLC0415
    from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    dice = random.Random(users)  # noqa: S311 - the same for both
    now = timezone.now()
    with transaction.atomic():
        for first in range(1, users + 1, 1000):
            keys = range(first, min(first + 1000, users + 1))
            User.objects.bulk_create(User(pk=key, username=f"user{key}") for key in keys)
            TOTPDevice.objects.bulk_create(
                TOTPDevice(user_id=key, name="phone", key=dice.randbytes(20).hex(), last_t=59_000_000, last_used_at=now) for key in keys
            )
            StaticDevice.objects.bulk_create(StaticDevice(pk=key, user_id=key, name="backup") for key in keys)
            StaticToken.objects.bulk_create(
                StaticToken(device_id=key, token=f"{dice.getrandbits(40):010x}") for key in keys for _ in range(CODES)
            )
    return {}


def move(users: int) -> dict[str, Any]:
    """Run the command, and return what it took."""
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    connection.ensure_connection()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, processor = time.perf_counter(), time.process_time()
    call_command("allauth_2fa_migrate")
    seconds, processor = time.perf_counter() - seconds, time.process_time() - processor
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * MEMORY_UNIT
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM mfa_authenticator")
        (created,) = cursor.fetchone()
    if created != 2 * users:
        sys.exit(f"{created} rows for {users} users")
    return {"seconds": seconds, "processor": processor, "memory": memory}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time allauth_2fa_migrate beside the command of 0.12, on SQLite.")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", choices=["fill", "move"], help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
