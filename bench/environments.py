"""Make the virtual environments, once, and again when their list changes."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import tomllib
import venv
from typing import TYPE_CHECKING

from contenders import CHECKOUT, HERE, Environment

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENTS = HERE / ".envs"


def python_of(environment: Environment) -> Path:
    """Return the interpreter of an environment."""
    return ENVIRONMENTS / environment.name / "bin" / "python"


def ensure(environment: Environment) -> None:
    """Create the environment unless it is there and up to date."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    # Two runs at once would pull the environment from under each other.
    with (ENVIRONMENTS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _ensure(environment)


def _ensure(environment: Environment) -> None:
    directory = ENVIRONMENTS / environment.name
    stamp = directory / "bench-stamp"
    wanted = _fingerprint(environment)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"making the environment {environment.name} ...", file=sys.stderr)
    venv.create(directory, clear=True, with_pip=True)
    arguments = list(environment.requirements)
    if environment.with_checkout:
        # Editable: the checkout is judged as it is now, not as it was installed.
        arguments += ["--editable", f"{CHECKOUT}{environment.extras}"]
    pip = [str(python_of(environment)), "-m", "pip", "--quiet"]
    done = subprocess.run(
        [*pip, "install", "--disable-pip-version-check", *arguments],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"cannot make the environment {environment.name}:\n{done.stderr}")
    stamp.write_text(wanted)


def versions(environment: Environment) -> dict[str, str]:
    """Return the installed packages and their versions."""
    listing = subprocess.run(
        [
            str(python_of(environment)),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "list",
            "--format=freeze",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    pairs = (line.split("==", 1) for line in listing.splitlines() if "==" in line)
    return {name.lower(): version for name, version in pairs}


def _fingerprint(environment: Environment) -> str:
    parts = [sys.version, *environment.requirements, environment.extras]
    if environment.with_checkout:
        # An editable install follows the code by itself, but not what the project declares.
        declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
        parts += [str(declared["build-system"]), str(declared["project"])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
