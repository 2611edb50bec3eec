"""``{sentences}``: the table of all texts that the package marks for translation, read from the source when the page is built."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import words

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx


class Sentences(SphinxDirective):
    """Prints the table."""

    def run(self) -> list[Node]:
        """Return the table."""
        for path in words.PACKAGE.rglob("*"):
            if path.suffix in {".py", ".html", ".txt"}:
                self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(words.table(words.all_words()))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("sentences", Sentences)
    return {"parallel_read_safe": True}
