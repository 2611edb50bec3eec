"""The demo site in a process of its own, on a port and in a folder of its own, so that several can run at once.

The process is this module, run with ``python -m``.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from threading import Thread

from django.core.management import execute_from_command_line

ROOT = Path(__file__).parents[2]


class Demo:
    """The running site, as the tests see it."""

    def __init__(self, folder: Path, settings: str = "settings") -> None:
        self.database = folder / "demo.sqlite3"
        self.log = folder / "server.log"
        environment = {
            **os.environ,
            "DEMO_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": f"{__package__}.{settings}",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "demo"), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this very module
                [sys.executable, "-m", __name__],
                cwd=ROOT,
                env=environment,
                # Never written to: its end tells the process that the test is gone, however it went.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.url = self._wait_for_url()

    def _wait_for_url(self) -> str:
        while not (found := re.search(r"server at (http://\S+?)/\s", self.log.read_text())):
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            raise RuntimeError(f"The demo site did not start.\n{self.log.read_text()}")
        return found[1]

    def has_served(self, address: str) -> bool:
        """Return whether the log comes to name the address; the line is written after the answer."""
        for _ in range(100):
            if address in self.log.read_text():
                return True
            time.sleep(0.05)
        return False

    def newest_mail(self) -> EmailMessage:
        """Return the mail that the site has sent last."""
        newest = max((self.database.parent / "outbox").glob("*.eml"), key=lambda path: path.name)
        return email.message_from_bytes(newest.read_bytes(), _class=EmailMessage, policy=email.policy.default)

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.communicate(timeout=10)


def end_with_the_input() -> None:
    """Wait for the end of the standard input, and end."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Make the database ready, and serve on a free port, as ``make demo`` does on port 8000."""
    Thread(target=end_with_the_input, daemon=True).start()
    execute_from_command_line(["manage.py", "prepare_demo"])
    execute_from_command_line(["manage.py", "runserver", "--noreload", "127.0.0.1:0"])


if __name__ == "__main__":
    main()
