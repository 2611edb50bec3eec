"""A validation service for YubiKeys, over HTTP: it knows the secrets of its keys, and takes each code once."""

from __future__ import annotations

from base64 import b64decode, b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import urandom
from threading import Lock, Thread
from urllib.parse import parse_qsl, urlsplit

from yubiotp.client import param_signature
from yubiotp.modhex import modhex
from yubiotp.otp import OTP, decode_otp, encode_otp

API_KEY = b64encode(b"0123456789abcdef0123").decode()


class Key:
    """A YubiKey."""

    def __init__(self) -> None:
        self.public_id = modhex(urandom(6))
        self.secret = urandom(16)
        self.touches = 0

    def touch(self) -> str:
        """Return what the key types when it is touched."""
        self.touches += 1
        return encode_otp(OTP(b"\0" * 6, 1, 0, self.touches, 0), self.secret, self.public_id).decode()


class ValidationServer:
    """Listens on a port of its own while it is open."""

    def __init__(self) -> None:
        self.keys: dict[bytes, Key] = {}
        self.seen: dict[bytes, int] = {}
        self.lock = Lock()
        self.asked = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as the real one does."""

            def log_message(self, *_facts: object) -> None:
                """Keep quiet about each request."""

            def do_GET(self) -> None:
                """Judge a code."""
                asked = dict(parse_qsl(urlsplit(self.path).query))
                fields = {"otp": asked["otp"], "nonce": asked["nonce"], "status": service.judge(asked["otp"].encode())}
                signature = b64encode(param_signature(fields.items(), b64decode(API_KEY))).decode()
                body = "\r\n".join(f"{name}={value}" for name, value in {**fields, "h": signature}.items()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/wsapi/2.0/verify"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def make_key(self) -> Key:
        """Return a key that the service knows."""
        key = Key()
        self.keys[key.public_id] = key
        return key

    def judge(self, typed: bytes) -> str:
        """Return the status of a code, and use it up."""
        with self.lock:
            self.asked += 1
            key = self.keys.get(typed[:-32])
            if key is None:
                return "BAD_OTP"
            try:
                _public_id, otp = decode_otp(typed, key.secret)
            except Exception:  # noqa: BLE001 - whatever it is, it is no code of this key
                return "BAD_OTP"
            if otp.counter <= self.seen.get(key.public_id, -1):
                return "REPLAYED_OTP"
            self.seen[key.public_id] = otp.counter
            return "OK"

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()
