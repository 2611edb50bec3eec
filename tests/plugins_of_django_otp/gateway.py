"""A gateway for text messages, as far as django-otp-twilio sees it: an HTTP server that keeps what it was asked to send."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Message:
    """One message, as it was handed in."""

    number: str
    text: str

    @property
    def code(self) -> str:
        """The digits in it."""
        return re.sub(r"\D", "", self.text)


class Gateway:
    """Listens on a port of its own while it is open."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.lost: list[Message] = []
        self.asked = 0
        self.is_broken = False
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as the real one does."""

            def log_message(self, *_facts: object) -> None:
                """Keep quiet about each request."""

            def do_POST(self) -> None:
                """Take a message."""
                form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                gateway.asked += 1
                (gateway.lost if gateway.is_broken else gateway.sent).append(Message(form["To"], form["Body"]))
                body = json.dumps({"message": "out of order"} if gateway.is_broken else {"sid": "1"}).encode()
                self.send_response(503 if gateway.is_broken else 201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()
