"""Makes the pictures of the documentation from those that `make screenshots` has taken.

    python scripts/pictures.py FOLDER

Each is cropped to what it is about and written with few colours, so that it stays small: they are part of the source.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image

TARGET = Path(__file__).parents[1] / "docs" / "_static" / "pictures"
COLOURS = 64


class Picture(NamedTuple):
    """A picture of the documentation."""

    name: str
    screenshot: str
    width: int
    """Pixels that are kept of the middle."""
    height: int
    """Pixels that are kept from the top."""


PICTURES = (
    Picture("challenge-light", "theme/challenge, light 1280", 640, 620),
    Picture("challenge-dark", "theme/challenge, dark 1280", 640, 620),
    Picture("overview-light", "theme/overview, two devices, light 1280", 840, 900),
    Picture("overview-dark", "theme/overview, two devices, dark 1280", 840, 900),
    Picture("setup", "theme/setup, light 1280", 840, 820),
    Picture("recovery-codes", "theme/recovery codes, new, light 1280", 840, 640),
    Picture("phone", "theme/overview, two devices, light 360", 360, 740),
    Picture("bootstrap5", "bootstrap5/overview, two devices, light 1280", 840, 900),
    Picture("bare", "bare/overview, two devices, light 360", 360, 740),
    Picture("mail-light", "mails/notice, light 1280", 640, 620),
    Picture("mail-dark", "mails/notice, dark 1280", 640, 620),
)


def make(folder: Path, picture: Picture) -> Path:
    """Write one picture, and return its path."""
    with Image.open(folder / f"{picture.screenshot}.png") as shot:
        left = max(0, (shot.width - picture.width) // 2)
        right, lower = min(shot.width, left + picture.width), min(shot.height, picture.height)
        cropped = shot.convert("RGB").crop((left, 0, right, lower))
    path = TARGET / f"{picture.name}.png"
    cropped.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def main() -> None:
    """Make all of them."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        path = make(Path(sys.argv[1]), picture)
        print(f"{path.name}: {path.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()
