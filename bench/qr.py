"""Draw the QR code of one account with each library, read it back, print the costs.

Run by run.py in an environment that holds all of them and a reader of QR codes.
"""

from __future__ import annotations

import io
import json
import re
import statistics
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import django
import qrcode
import resvg_py
import zxingcpp
from PIL import Image
from qrcode.image.svg import SvgPathImage

if TYPE_CHECKING:
    from collections.abc import Callable

ISSUER = "Example"
ACCOUNT = "alice.liddell@example.com"
SECRET = bytes(range(1, 21))
PIXELS = 400
# What an app assumes where the URI does not say it.
DEFAULTS = {"algorithm": "SHA1", "digits": "6", "period": "30"}


def old_uri(label: str, secret: str) -> str:
    """Return the URI as 0.12 writes it, defaults included."""
    facts = {"secret": secret, **DEFAULTS, "issuer": ISSUER}
    return f"otpauth://totp/{quote(label)}?{urlencode(facts)}"


def drawers() -> dict[str, tuple[str, Callable[[], str]]]:
    """Return what each draws: the text it encodes, and the call that draws it."""
    from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: PLC0415
    from django_otp.qr import write_qrcode_image  # noqa: PLC0415

    from allauth_2fa import utils  # noqa: PLC0415 - needs Django's settings

    device = TOTPDevice(key=SECRET.hex())
    label = f"{ISSUER}: {ACCOUNT}"
    old = old_uri(label, utils.get_device_base32_secret(device))
    new = utils.otpauth_url(device, ISSUER, label)

    def path_image() -> str:
        out = io.BytesIO()
        qrcode.make(old, image_factory=SvgPathImage).save(out)
        return out.getvalue().decode()

    def django_otp_image() -> str:
        out = io.BytesIO()
        write_qrcode_image(old, out)
        return out.getvalue().decode()

    def ours_same_text() -> str:
        # The page never draws this text; it is here to compare the drawing alone.
        drawing = utils._qr_code(old)  # noqa: SLF001
        return drawing.svg_inline(**utils.COLOURS)

    def ours() -> str:
        return utils.inline_totp_config_svg(device, ISSUER, label)

    return {
        "qrcode SvgPathImage": (old, path_image),
        "django_otp.qr": (old, django_otp_image),
        "ours, the same text": (old, ours_same_text),
        "ours, as on the page": (new, ours),
    }


def read(svg: str) -> str:
    """Return the text that a phone's camera would see."""
    # The page gives the picture its frame; alone it needs the name of its language.
    if "xmlns" not in svg:
        svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=PIXELS, height=PIXELS, background="white", dpi=96))
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return found[0].text if found else ""


def meaning(uri: str) -> tuple[str, dict[str, str]]:
    """Return what an app stores after reading the URI."""
    parts = urlsplit(uri)
    label = re.sub(r":\s*", ":", unquote(parts.path).lstrip("/"))
    return label, {**DEFAULTS, **dict(parse_qsl(parts.query))}


def main(rounds: int) -> None:
    """Draw, read back, and time all in turn."""
    django.setup()
    contenders = drawers()
    meant = meaning(contenders["qrcode SvgPathImage"][0])
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    result: dict[str, dict[str, object]] = {}
    for name, (text, draw) in contenders.items():
        svg = draw()
        result[name] = {
            "characters": len(text),
            "bytes": len(svg.encode()),
            "reads_the_same": read(svg) == text and meaning(text) == meant,
        }
    for _ in range(rounds):
        for name, (_text, draw) in contenders.items():
            start = time.process_time_ns()
            draw()
            samples[name].append((time.process_time_ns() - start) / 1e6)
    for name, times in samples.items():
        result[name]["milliseconds"] = statistics.median(times)
        base = samples["qrcode SvgPathImage"]
        ratios = [mine / other for mine, other in zip(times, base, strict=True)]
        result[name]["ratio"] = statistics.median(ratios)
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]))
