"""Time ``manage.py allauth_2fa_secrets``, and what it costs to load devices whose secrets are encrypted, on SQLite.

    .venv/bin/python bench/at_rest.py                         # 100,000 devices, twice: about two minutes
    .venv/bin/python bench/at_rest.py --devices 10000 --rounds 3

It runs with the Python that starts it, which must have this package and cryptography. Every user has one authenticator app.
Each command runs in a process of its own, on what the one before it has left: status, encrypt, rotate to a newer key, load
all devices, decrypt, load all devices. Printed are rows a second by the wall clock, microseconds of processor time a row,
and the memory that the command added to the process: for all the rows, and what each further row costs beyond a fifth of
them. The run ends with an error if a secret is not what it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OLD, NEW = ("a key of the benchmark, 0123456789 abcdef", "another key of the benchmark, fedcba 9876543210")
STEPS = {
    "status": [OLD],
    "encrypt": [OLD],
    "rotate": [NEW, OLD],
    "load encrypted": [NEW],
    "decrypt": [NEW],
    "load readable": [],
}
MEGA = 1024 * 1024
# Linux counts kilobytes here, macOS bytes.
MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Run the steps, and print what came out."""
    options = _options()
    if options.child:
        print(json.dumps(child(options.child, options.database, options.devices)))
        return
    with tempfile.TemporaryDirectory() as folder:
        few = measure(Path(folder) / "few", options.devices // 5)
        many = [measure(Path(folder) / f"many{number}", options.devices) for number in range(options.rounds)]
    for step in STEPS:
        print(f"{step:>15}  {summary([run[step] for run in many], few[step], options.devices)}")


def measure(database: Path, devices: int) -> dict[str, dict[str, Any]]:
    """Fill a database, then take one step after the other."""
    print(f"{devices} devices ...", file=sys.stderr)
    secrets = start("fill", database, devices)["secrets"]
    results = {step: start(step, database, devices) for step in STEPS}
    if {results[step]["secrets"] for step in STEPS if "secrets" in results[step]} != {secrets}:
        sys.exit("the secrets are not what they were")
    return results


def start(step: str, database: Path, devices: int) -> dict[str, Any]:
    """Take a step in a process of its own."""
    command = [sys.executable, __file__, "--devices", str(devices), "--database", str(database), "--child", step]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{step} failed:\n{done.stdout}{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def summary(runs: list[dict[str, Any]], few: dict[str, Any], devices: int) -> str:
    """Return the line of a step."""
    speed = devices / statistics.median(run["seconds"] for run in runs)
    processor = statistics.median(run["processor"] for run in runs) / devices * 1e6
    memory = statistics.median(run["memory"] for run in runs)
    each = (memory - few["memory"]) / (devices - devices // 5)
    return f"{speed:8,.0f} rows/s  {processor:6.1f} µs of processor a row  {memory / MEGA:6.1f} MB more, {each:6.1f} bytes a further row"


def child(step: str, database: str, devices: int) -> dict[str, Any]:
    """Take the step."""
    import django  # noqa: PLC0415 - only the processes that take steps need it
    from django.conf import settings  # noqa: PLC0415 - the same

    settings.configure(
        SECRET_KEY="of the benchmark",
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
        ALLAUTH_2FA_ENCRYPTION_KEYS=STEPS.get(step, []),
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "allauth",
            "allauth.account",
            "django_otp",
            "django_otp.plugins.otp_static",
            "django_otp.plugins.otp_totp",
            "allauth_2fa",
        ],
    )
    django.setup()
    if step == "fill":
        return fill(devices)
    return timed(load if step.startswith("load") else lambda: command(step))


def fill(devices: int) -> dict[str, Any]:
    """Make the users and their devices."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    dice = random.Random(devices)  # noqa: S311 - the same in each round
    with transaction.atomic():
        for first in range(1, devices + 1, 1000):
            keys = range(first, min(first + 1000, devices + 1))
            User.objects.bulk_create(User(pk=key, username=f"user{key}") for key in keys)
            TOTPDevice.objects.bulk_create(TOTPDevice(user_id=key, name="phone", key=dice.randbytes(20).hex()) for key in keys)
    return load()


def command(action: str) -> dict[str, Any]:
    """Run the command."""
    from io import StringIO  # noqa: PLC0415

    from django.core.management import call_command  # noqa: PLC0415
    from django.core.management.base import CommandError  # noqa: PLC0415

    try:
        call_command("allauth_2fa_secrets", action, stdout=StringIO(), skip_checks=True)
    except CommandError as error:
        if action != "status":
            sys.exit(str(error))
    return {}


def load() -> dict[str, Any]:
    """Load all devices as instances, a thousand at a time, and return a digest of their secrets."""
    from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: PLC0415

    digest = hashlib.sha256()
    for device in TOTPDevice.objects.order_by("pk").iterator(chunk_size=1000):
        digest.update(device.key.encode())
    return {"secrets": digest.hexdigest()}


def timed(work: Any) -> dict[str, Any]:
    """Do the work, and return what it took."""
    from django.db import connection  # noqa: PLC0415

    connection.ensure_connection()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, processor = time.perf_counter(), time.process_time()
    found = work()
    seconds, processor = time.perf_counter() - seconds, time.process_time() - processor
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * MEMORY_UNIT
    return {"seconds": seconds, "processor": processor, "memory": memory, **found}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time allauth_2fa_secrets, and the loading of encrypted devices, on SQLite.")
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", choices=["fill", *STEPS], help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
