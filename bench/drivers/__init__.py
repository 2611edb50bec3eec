"""The contenders' pages, one module a contender, imported in its environment."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.base import Driver

DRIVERS = {
    "a0": ("drivers.a0", "Allauth2FA012"),
    "b": ("drivers.b", "AllauthMFA"),
    "c": ("drivers.c", "TwoFactorAuth"),
    "d": ("drivers.d", "MFA3"),
    "ours": ("drivers.ours", "Allauth2FA"),
}


def driver_for(kind: str) -> Driver:
    """Return the driver; the others' packages are not installed here."""
    module, name = DRIVERS[kind]
    driver: Driver = getattr(import_module(module), name)()
    return driver
