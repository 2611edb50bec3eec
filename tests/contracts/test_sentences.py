"""The words that users read: all of them are in the table for translators, and each sentence is short and plain."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "allauth_2fa"

spec = importlib.util.spec_from_file_location("words", ROOT / "scripts" / "words.py")
words = sys.modules["words"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(words)

ALL = words.all_words()
LONGEST = 20
"""Words in a sentence."""

JARGON = re.compile(r"\b(OTP|TOTP|HOTP|MFA|2FA|invalid|authenticate[ds]?|credential|whoever|behind|anew|purse)\b", re.IGNORECASE)
FILLED_IN = re.compile(r"%\(\w+\)[sd]|\{\{ \w+ \}\}")


def sentences(text):
    return re.split(r"(?<=[.?!])\s+", FILLED_IN.sub("X", text))


PLACES = sorted({one.place for one in ALL})


@pytest.mark.parametrize("place", PLACES)
def test_each_sentence_is_short_and_plain(place):
    for text in (text for one in ALL if one.place == place for text in one.texts):
        assert all(len(sentence.split()) <= LONGEST for sentence in sentences(text)), text
        assert not JARGON.search(text), text
        assert ".." not in text, text


def test_every_marked_text_of_a_template_is_found():
    for path in sorted((SOURCE / "templates").rglob("*.*")):
        source = re.sub(r"\{#.*?#\}", "", path.read_text())
        tags = re.findall(r"\{%-? ?(?:translate|blocktranslate) |\b_\(\"", source)
        place = path.relative_to(SOURCE).as_posix().removeprefix("templates/allauth_2fa/")
        found = {one for one in ALL if one.place == place}
        assert bool(tags) == bool(found), place
        assert len(found) <= len(tags), place


@pytest.mark.parametrize(
    ("text", "plural", "context", "place"),
    [
        ("That code was already used. Wait for the next one.", "", "", "exceptions.py"),
        ("in %(n)d minute", "in %(n)d minutes", "how long to wait", "exceptions.py"),
        ("now", "", "when the next code can be sent", "snippets/send.html"),
        ("Sign in", "", "", "authenticate.html"),
        ("You are signing in as <strong>%(account)s</strong>.", "", "", "authenticate.html"),
        ("%(name)s was removed.", "", "", "messages/device_removed.txt"),
    ],
)
def test_texts_are_found_with_plural_and_context(text, plural, context, place):
    assert words.Words(text, plural, context, place) in ALL


def test_the_table_has_each_text_once_with_all_its_places():
    lines = words.table(ALL).splitlines()
    texts = [line.split(" | ")[0:2] for line in lines[2:]]
    assert len(texts) == len({tuple(text) for text in texts}) == len({(one.texts, one.context) for one in ALL})
    (cancel,) = [line for line in lines if line.startswith("| Cancel |")]
    assert "`snippets/cancel.html`" in cancel
    assert "`rename.html`" in cancel


def test_what_would_break_the_table_is_escaped():
    line = words.table([words.Words("a|b <i>*c*</i> {d} [e]\nf", "", "x", "y.html")]).splitlines()[-1]
    assert line == r"| a\|b \<i\>\*c\*\</i\> \{d\} \[e\] f | x | `y.html` |"
