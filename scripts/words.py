"""List every sentence that users can read, with its context and where it stands: for translators, and for whoever edits words.

The sentences are what the source marks for translation: ``gettext`` and its relatives in Python, ``{% translate %}`` and
``{% blocktranslate %}`` in templates. ``python scripts/words.py`` prints them as a table; the documentation has the same table.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation.template import templatize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PACKAGE = Path(__file__).parents[1] / "src" / "allauth_2fa"

LITERAL = r"""u?(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")"""
CALL = re.compile(rf"\b(n?p?gettext|_)\((\s*{LITERAL}(?:\s*,\s*{LITERAL})*)")


@dataclass(frozen=True, order=True)
class Words:
    """One text that is marked for translation: what translators are given, and the file in which it stands."""

    text: str
    plural: str = ""
    context: str = ""
    place: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The text, and its plural if it has one."""
        return (self.text, self.plural) if self.plural else (self.text,)


def all_words(package: Path = PACKAGE) -> list[Words]:
    """Return all texts of the package, in the order of the files."""
    found: list[Words] = []
    for path in sorted(package.rglob("*")):
        place = path.relative_to(package).as_posix()
        if path.suffix == ".py" and "migrations" not in path.parts:
            found += _of_calls(_calls_in_python(path.read_text()), place)
        elif path.suffix in {".html", ".txt"}:
            found += _of_calls(_calls_in_template(path.read_text()), place.removeprefix("templates/allauth_2fa/"))
    return list(dict.fromkeys(found))


def _calls_in_python(source: str) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id.removesuffix("_lazy")
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            if name in {"_", "gettext", "ngettext", "pgettext", "npgettext"} and texts:
                yield name, texts


def _calls_in_template(source: str) -> Iterator[tuple[str, list[str]]]:
    for name, arguments in CALL.findall(templatize(source)):
        yield name, [ast.literal_eval(literal) for literal in re.findall(LITERAL, arguments)]


def _of_calls(calls: Iterable[tuple[str, list[str]]], place: str) -> Iterator[Words]:
    for name, texts in calls:
        context = texts.pop(0) if "p" in name else ""
        plural = texts[1] if name.startswith("n") else ""
        yield Words(texts[0], plural, context, place)


def table(words: Iterable[Words]) -> str:
    """Return the texts as a table in Markdown, each once, with all the files in which it stands."""
    places: dict[tuple[str, str], list[str]] = {}
    for one in words:
        places.setdefault((" / ".join(one.texts), one.context), []).append(one.place)
    rows = [f"| {_cell(text)} | {context} | {', '.join(f'`{place}`' for place in where)} |" for (text, context), where in places.items()]
    return "\n".join(["| text | context | where |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"([|\\`*_<>{}\[\]$])", r"\\\1", text)).strip()


if __name__ == "__main__":
    print(table(all_words()))
