"""Each module can be imported alone, and starting up loads nothing that a process may never need."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest

import allauth_2fa
from tests.contracts.processes import ROOT, run_python

PACKAGE = Path(allauth_2fa.__file__).parent

# Drawing, cryptography and their company: tens of milliseconds each, for pages that most processes never serve.
HEAVY = {"segno", "qrcode", "cryptography", "PIL", "lxml", "webauthn", "django_otp_webauthn", "cbor2"}

START_UP = """
import sys
import django
django.setup()
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver
WSGIHandler()
list(get_resolver().url_patterns)
print("\\n".join(sys.modules))
"""


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = sorted(dotted(path) for path in PACKAGE.rglob("*.py"))


@pytest.fixture(scope="module")
def imported() -> dict[str, dict[str, str]]:
    """What came of importing each module as the first one."""
    return json.loads(run_python(str(ROOT / "tests" / "contracts" / "import_alone.py"), settings="tests.contracts.quiet"))


@pytest.mark.parametrize("module", [name for name in MODULES if name != "allauth_2fa"])
def test_a_module_can_be_the_first_one_to_be_imported(imported, module):
    assert imported["modules"][module] == ""


def test_the_modules_were_really_the_first_ones(imported):
    rooms = {name.split(".")[1] for name in imported["loaded"]}
    assert rooms == {"exceptions", "models"}


def test_starting_up_loads_nothing_heavy():
    loaded = {name.split(".")[0] for name in run_python("-c", START_UP, settings="tests.upgrade.sites.word_for_word").split()}
    assert "allauth_2fa" in loaded
    assert loaded & HEAVY == set()


SERVING = {"checks.*", "management.*", "transfer.*", "testing", "contrib.*", "requirement.report", "support", "admin.*"}
"""Modules that a server without the admin never needs. Each module costs some tenths of a millisecond, and memory."""


def test_a_server_loads_no_check_no_command_and_nothing_of_the_admin():
    loaded = set(run_python("-c", START_UP, settings="tests.contracts.serving").split())
    assert "allauth_2fa.views.setup" in loaded
    assert {name for name in loaded if any(fnmatch(name, f"allauth_2fa.{pattern}") for pattern in SERVING)} == set()


def test_setting_up_imports_no_page():
    loaded = set(run_python("-c", "import django, sys; django.setup(); print(*sys.modules)", settings="tests.contracts.serving").split())
    assert "allauth_2fa.login.guard" in loaded
    assert {name for name in loaded if name.startswith(("allauth_2fa.views", "allauth_2fa.urls", "allauth_2fa.forms"))} == set()


def test_a_bare_import_loads_nothing_at_all():
    loaded = run_python("-c", "import sys, allauth_2fa; print(*sys.modules)", settings="tests.settings").split()
    assert {name for name in loaded if name.split(".")[0] in {"django", "allauth", "django_otp"}} == set()
