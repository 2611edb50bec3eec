"""What a project gets that installs this one."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from email import message_from_bytes
from zipfile import ZipFile

import pytest

from tests.contracts.processes import ROOT

pytestmark = pytest.mark.same_everywhere

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build both distributions by the project's own back end, which needs no network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - the project's own back end
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


@pytest.fixture
def wheel(distributions):
    (path,) = distributions.glob("*.whl")
    with ZipFile(path) as opened:
        yield opened


def package_files() -> set[str]:
    paths = (path for path in (SOURCE / "allauth_2fa").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(SOURCE)) for path in paths}


def demo_files() -> set[str]:
    paths = (path for path in (ROOT / "demo" / "demosite").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in paths}


def test_the_wheel_holds_the_package_and_nothing_else_to_import(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert held == package_files()


def test_the_wheel_brings_the_demo_as_data_and_stays_small(wheel):
    data = [file for file in wheel.infolist() if ".data/" in file.filename]
    assert {file.filename.split("/share/django-allauth-2fa/")[1] for file in data} == demo_files()
    assert sum(file.compress_size for file in data) < 150_000


def test_the_wheel_holds_what_is_easily_forgotten(wheel):
    held = set(wheel.namelist())
    for name in ("py.typed", "migrations/0001_initial.py", "templates/allauth_2fa/setup.html", "static/allauth_2fa/two-factor.js"):
        assert f"allauth_2fa/{name}" in held
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in held)


def test_the_wheel_says_what_it_needs_and_what_it_is(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "django-allauth-2fa"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    always = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert {re.split(r"[<>=]", need)[0].lower() for need in always} == {"django", "django-allauth", "django-otp", "segno"}
    assert len(always) == len(PROJECT["dependencies"])
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_the_source_distribution_builds_the_same_and_holds_no_more(distributions):
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as opened:
        names = {name.split("/", 1)[1] for name in opened.getnames() if "/" in name}
    assert {name.removeprefix("src/") for name in names if name.startswith("src/")} == package_files()
    assert {name for name in names if name.startswith("demo/")} == demo_files()
    beside = {"demo", "CHANGELOG.md", "LICENSE", "README.md", "PKG-INFO", "pyproject.toml", ".gitignore"}
    assert {name.split("/")[0] for name in names} <= {"src", *beside}
