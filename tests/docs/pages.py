"""The documentation as data: the blocks of code and the tables on its pages."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

FENCED = re.compile(
    r"^(?P<fence>`{3,}|:{3,})(?:\{(?P<directive>[\w:-]+)\} *)?(?P<argument>[^\n`]*)\n"
    r"(?P<body>.*?)^(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
CAPTION = re.compile(r"\A:caption: (?P<caption>\S+)\n\n")


def text_of(name: str) -> str:
    """Return a page by its path from the root of the repository."""
    return (ROOT / name).read_text()


def blocks(text: str, language: str) -> list[str]:
    """Return the blocks of code in that language, without the options of their directives."""
    code = [fenced for fenced in FENCED.finditer(text) if fenced["directive"] in {None, "code-block"}]
    return [CAPTION.sub("", fenced["body"]) for fenced in code if fenced["argument"].strip() == language]


def files(text: str) -> dict[str, str]:
    """Return the files that a page shows, by their captions; blocks of one file are put together."""
    found: dict[str, str] = {}
    for fenced in FENCED.finditer(text):
        caption = CAPTION.match(fenced["body"]) if fenced["directive"] == "code-block" else None
        if caption:
            found[caption["caption"]] = found.get(caption["caption"], "") + CAPTION.sub("", fenced["body"])
    return found


def rows(text: str, header: str) -> list[list[str]]:
    """Return the rows of the first table whose header begins like that, without the code marks around whole cells."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(header):
            next(lines)
            break
    table: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return table
