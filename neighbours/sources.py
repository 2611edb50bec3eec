"""The source distributions that hold the neighbours' tests, in the pinned versions and with the pinned hashes."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PINS = Path(__file__).parents[1] / "requirements" / "neighbours.txt"
FOLDER = Path(sys.prefix) / "sources"
"""A folder of the virtual environment, so that whatever is unpacked goes when the environment goes."""


def pin(distribution: str) -> str:
    """Return the line of the compiled requirements that pins a distribution, with its hashes."""
    found = re.search(rf"^{re.escape(distribution)}==\S+ \\\n(?: +--hash=\S+(?: \\)?\n)+", PINS.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{PINS} pins no {distribution}.")
    return found[0]


def unpacked(distribution: str) -> Path:
    """Return the folder of the unpacked source distribution."""
    version = pin(distribution).split("==")[1].split()[0]
    return FOLDER / f"{distribution.replace('-', '_')}-{version}"


def fetch(distribution: str) -> None:
    """Download and unpack the source distribution, unless it is there."""
    if unpacked(distribution).is_dir():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    pinned = FOLDER / f"{distribution}.txt"
    pinned.write_text(pin(distribution))
    # pip builds the metadata of what it downloads; the build tools are among the pinned packages.
    download = ("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:")
    hashed = ("--no-build-isolation", "--require-hashes", "--dest", FOLDER, "--requirement", pinned)
    subprocess.run([sys.executable, *download, *hashed], check=True)
    folder = unpacked(distribution)
    # A folder that is there is whole: it gets its place when everything is in it.
    with tarfile.open(FOLDER / f"{folder.name}.tar.gz") as archive, tempfile.TemporaryDirectory(dir=FOLDER) as fresh:
        archive.extractall(fresh, filter="data")
        Path(fresh, folder.name).rename(folder)
