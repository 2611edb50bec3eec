"""``python -m allauth_2fa demo``: serve the demo site on this machine, in a temporary folder that goes with it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.management import execute_from_command_line

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE_TREE = Path(__file__).parents[2] / "demo"
"""Where the demo is in a clone. A wheel installs it with its data files."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for.

    Args:
        arguments: the command line without the program; None for that of this process.
    """
    parser = argparse.ArgumentParser(prog="python -m allauth_2fa", description="Two-factor authentication for django-allauth.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="serve the demo site on localhost, with accounts to try")
    demo.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    serve_demo(parser.parse_args(arguments).port)


def serve_demo(port: int) -> None:
    """Serve the demo site to this machine alone, until the process is told to end. Its accounts and passwords are public."""
    # As Ctrl-C does: the temporary folder is removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    sys.path.insert(0, str(demo_folder()))
    os.environ["DJANGO_SETTINGS_MODULE"] = "demosite.settings"
    with TemporaryDirectory(prefix="allauth-2fa-demo-") as folder:
        os.environ["DEMO_DATA_DIR"] = folder
        settings.OTP_WEBAUTHN_ALLOWED_ORIGINS = [f"http://localhost:{port}"]
        execute_from_command_line(["manage.py", "prepare_demo"])
        execute_from_command_line(["manage.py", "runserver", "--noreload", f"localhost:{port}"])


def demo_folder() -> Path:
    """Return the folder from which the demo site is imported."""
    installed = (file for file in metadata.files("django-allauth-2fa") or () if file.match("demo/demosite/settings.py"))
    found = (Path(str(file.locate())).resolve().parents[1] for file in installed)
    return SOURCE_TREE if (SOURCE_TREE / "demosite").is_dir() else next(found)


if __name__ == "__main__":
    main()
