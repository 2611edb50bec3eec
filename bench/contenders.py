"""Who takes part: packages, environments and the variants that are measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent

# One Django for all, so that a ratio compares the packages and nothing else.
DJANGO = "Django==5.2.19"


@dataclass(frozen=True)
class Environment:
    """A virtual environment of its own, because the rivals cannot share one."""

    name: str
    requirements: tuple[str, ...]
    with_checkout: bool = False
    extras: str = ""
    """What the checkout is installed with, in brackets."""


# 0.12.0 declares no upper bounds; these are the newest versions it works with.
A0 = Environment(
    "a0",
    (
        DJANGO,
        "django-allauth-2fa==0.12.0",
        "django-allauth==0.57.2",
        "django-otp==1.6.3",
    ),
)
B = Environment("b", (DJANGO, "django-allauth[mfa]==65.21.1"))
C = Environment("c", (DJANGO, "django-two-factor-auth==1.18.1"))
# 1.1.2 calls pyotp in a way that newer versions refuse.
D = Environment("d", (DJANGO, "django-mfa3==1.1.2", "pyotp==2.9.0"))
OURS = Environment("ours", (DJANGO,), with_checkout=True)
OURS_SIX = Environment("ours-six", (DJANGO,), with_checkout=True, extras="[webauthn,twilio,yubikey]")
# What serves over HTTP stays out of the environments in which start-up is measured.
SERVING = ("gunicorn==23.0.0", "psycopg[binary]>=3.2")
B_SERVING = Environment("b-serving", (*B.requirements, *SERVING))
OURS_SERVING = Environment("ours-serving", (*OURS.requirements, *SERVING), with_checkout=True)
# The decoders stay out of the environment in which start-up is measured.
QR = Environment(
    "qr",
    (DJANGO, "qrcode==8.2", "resvg-py", "zxing-cpp", "pillow", "numpy"),
    with_checkout=True,
)


@dataclass(frozen=True)
class Contender:
    """One way to run a package; `level` says how much of it is switched on."""

    name: str
    environment: Environment
    kind: str
    level: str = "default"


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("a0-bare", A0, "a0", "bare"),
        Contender("a0", A0, "a0"),
        Contender("a0-required", A0, "a0", "required"),
        Contender("b", B, "b"),
        Contender("b-required", B, "b", "required"),
        Contender("c", C, "c"),
        Contender("c-required", C, "c", "required"),
        Contender("d", D, "d", "required"),
        Contender("ours", OURS, "ours"),
        Contender("ours-six", OURS_SIX, "ours", "six"),
        Contender("ours-required", OURS, "ours", "required"),
    )
}
# Logins over HTTP, as ratios to the first one.
SERVED = (Contender("b", B_SERVING, "b"), Contender("ours", OURS_SERVING, "ours"))
# Ratios are taken against this one.
REFERENCE = "a0-bare"
