"""Demo only: mails go into a folder, and the outbox page shows them."""

import email
import email.policy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage as ParsedMail
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """Write each mail into a file of its own, named after the time."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            path = folder / f"{time.time_ns()}.eml"
            path.write_bytes(message.message().as_bytes())
        return len(email_messages)


@dataclass(frozen=True)
class Mail:
    """A mail as the outbox page shows it."""

    sent: datetime
    to: str
    subject: str
    body: str


def newest_mails(limit: int = 50) -> Iterator[Mail]:
    """Yield the mails sent, the newest first."""
    paths = sorted(_folder().glob("*.eml"), key=lambda path: path.name, reverse=True)
    for path in paths[:limit]:
        yield _read(path)


def _folder() -> Path:
    return cast("Path", settings.OUTBOX_DIR)


def _read(path: Path) -> Mail:
    with path.open("rb") as file:
        parsed = email.message_from_binary_file(file, _class=ParsedMail, policy=email.policy.default)
    body = parsed.get_body(preferencelist=("plain", "html"))
    return Mail(
        sent=parsedate_to_datetime(str(parsed["Date"])).astimezone(UTC),
        to=str(parsed["To"]),
        subject=str(parsed["Subject"]),
        body=body.get_content().strip() if body else "",
    )
