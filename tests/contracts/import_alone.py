"""Import each module of the package as the first, in a process of its own, and print what came of it as JSON.

Run by ``test_modules.py``, with the settings of ``quiet.py``: there the application is installed but has not loaded its
rooms yet, so that the order in which a module finds the others is its own.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
import traceback
from importlib import import_module

import django


def result_of(name: str) -> str:
    """Import the module in a child, and return its traceback, empty if all went well."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            import_module(name)
        except BaseException:  # noqa: BLE001 - whatever it is, it is the answer
            os.write(writer, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def main() -> None:
    """Print the result of each module."""
    django.setup()
    loaded = [name for name in sys.modules if name.startswith("allauth_2fa.")]
    package = import_module("allauth_2fa")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, "allauth_2fa.", onerror=lambda _name: None)]
    json.dump({"loaded": sorted(loaded), "modules": {name: result_of(name) for name in names}}, sys.stdout)


if __name__ == "__main__":
    main()
