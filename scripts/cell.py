"""Print the cell of the matrix that suits this interpreter: the newest that needs no newer Python."""

import sys
import tomllib
from pathlib import Path

MATRIX = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["tool"]["allauth-2fa"]["matrix"]


def minor(cell: str) -> int:
    """Return 13 for a cell on Python 3.13."""
    return int(MATRIX[cell]["python"].removeprefix("3."))


print(max((cell for cell, row in MATRIX.items() if not row.get("floors") and minor(cell) <= sys.version_info.minor), key=minor))
