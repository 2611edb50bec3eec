"""The words that are not used: each has a plain one, which somebody whose second language is English reads at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = [
    *(
        path
        for folder in ("src", "demo", "docs")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".html", ".txt", ".js"}
    ),
    *ROOT.glob("*.md"),
]
"""What users, administrators and people who change the package read."""

PLAIN = {
    r"anew": "again",
    r"behind": "after",
    r"in the place of": "instead of",
    r"(?:gone|goes|go) on with": "continues, resumes",
    r"of late": "recently",
    r"owes?|owed|owing": "needs",
    r"so many seconds": "N seconds",
    r"tells? whether|tells? if": "returns whether",
    r"thereof": "of it",
    r"whosoever": "whoever",
}


def found(text: str) -> set[str]:
    """Return the words that a text should not have."""
    return {word for word in PLAIN if re.search(rf"\b(?:{word})\b", re.sub(r"\s+", " ", text), re.IGNORECASE)}


def test_the_words_are_found_wherever_a_line_ends():
    assert found("It is gone\n  on with, and Behind this.") == {r"behind", r"(?:gone|goes|go) on with"}
    assert found("left_behind") == set()


@pytest.mark.parametrize("path", [path for path in READ if "_build" not in path.parts], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_has_a_word_that_has_a_plainer_one(path):
    assert {word: PLAIN[word] for word in found(path.read_text())} == {}
