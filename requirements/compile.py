"""Compile requirements/*.txt, with hashes: one for each cell of the matrix, one for the tools, for MySQL, for the neighbours.

Run by ``make requirements``, with ``uv`` on the path. The cells and the floors are read from pyproject.toml.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())

# Without these, the files would tell where they were compiled.
NEUTRAL = ("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make requirements")


def floors() -> list[str]:
    """Return the lowest release that each dependency of the package and of its extras declares, pinned."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    declared = [*PROJECT["project"]["dependencies"], *(dependency for extra in extras for dependency in extra)]
    return [dependency.split(",")[0].replace(">=", "==") for dependency in declared]


def pins(cell: dict[str, str]) -> list[str]:
    """Return what the cell holds fast."""
    return floors() if cell.get("floors") else [f"Django=={cell['django']}.*"]


def compile_one(output: str, sources: list[str], *options: str, constraints: list[str] = ()) -> None:
    """Compile one file, in the folder of the requirements so that no path gets into it."""
    print(f"{output}: {', '.join(constraints) or 'newest'}")
    command = ["uv", "pip", "compile", "--quiet", *NEUTRAL, *options, "--constraints", "-", "--output-file", output, *sources]
    subprocess.run(command, input="\n".join(constraints), text=True, check=True, cwd=HERE)


def compile_neighbours(*options: str) -> None:
    """Compile what the neighbours' suites need; what the newest cell has too is of the same version."""
    newest = max(PROJECT["tool"]["allauth-2fa"]["matrix"])
    python = PROJECT["tool"]["allauth-2fa"]["matrix"][newest]["python"]
    versions = ("--python-version", python, "--constraints", f"{newest}.txt")
    compile_one("neighbours.txt", ["../pyproject.toml", "neighbours.in"], *versions, "--all-extras", *options)


def main() -> None:
    """Compile everything; with --upgrade to the newest releases, else what is pinned stays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="move every pin to the newest release")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    for name, cell in PROJECT["tool"]["allauth-2fa"]["matrix"].items():
        compile_one(
            f"{name}.txt",
            ["../pyproject.toml", "test.in"],
            "--python-version",
            cell["python"],
            "--all-extras",
            *upgrade,
            constraints=pins(cell),
        )
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    compile_one("tools.txt", ["../pyproject.toml", "tools.in"], "--all-extras", "--universal", "--python-version", lowest, *upgrade)
    compile_one("mysql.txt", ["mysql.in"], "--python-version", lowest, *upgrade)
    compile_neighbours(*upgrade)


if __name__ == "__main__":
    sys.exit(main())
