"""``{sequence}``: who says what to whom, one message a line, drawn by Graphviz.

The first line names the participants, with bars between them. Each further line is a message, ``who -> whom: text``, or a note,
``who: text``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from docutils.parsers.rst import directives
from sphinx.ext.graphviz import Graphviz
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx

LOOK = """
graph [layout=neato, bgcolor=white, splines=line, pad=0.1]
node [shape=plaintext, style=filled, fillcolor=white, fontname="sans-serif", fontsize=11, height=0, width=0, margin="0.06,0.03"]
edge [color="#6b7a90", arrowsize=0.7]
"""
HEAD = 'shape=box, style="rounded,filled", fillcolor="#dbe7fb", color="#6b7a90", height=0.34, margin="0.14,0.05"'
INVISIBLE = "shape=point, style=invis"
NOTE = 'shape=box, style=filled, fillcolor="#fdf6d8", color="#b8a65a", fontsize=10'
MESSAGE = re.compile(r"(?P<source>\w+) -> (?P<target>\w+): (?P<text>.+)")
COLUMN, ROW = 2.05, 0.46
"""Inches between two participants, and between two messages."""


def dot(lines: list[str]) -> str:
    """Return the diagram as text.

    Raises:
        KeyError: a message names somebody who is not in the first line.
    """
    names = [name.strip() for name in lines[0].split("|")]
    columns = {name.split()[0]: index * COLUMN for index, name in enumerate(names)}
    drawn = [_node(f"head{index}", index * COLUMN, 0, HEAD, name) for index, name in enumerate(names)]
    messages = [line.strip() for line in lines[1:] if line.strip()]
    last = -ROW * (len(messages) + 0.6)
    for index, x in enumerate(columns.values()):
        drawn += [
            _node(f"end{index}", x, last, INVISIBLE, ""),
            f"head{index} -> end{index} [style=dashed, arrowhead=none]",
        ]
    for index, message in enumerate(messages, 1):
        drawn += _row(index, message, columns)
    return "\n".join(["digraph sequence {", LOOK, *drawn, "}"])


def _row(index: int, message: str, columns: dict[str, float]) -> list[str]:
    y = -ROW * index
    found = MESSAGE.fullmatch(message)
    if found is None:
        who, _colon, text = message.partition(": ")
        return [_node(f"note{index}", columns[who], y, NOTE, text)]
    source, target = columns[found["source"]], columns[found["target"]]
    return [
        _node(f"from{index}", source, y, INVISIBLE, ""),
        _node(f"to{index}", target, y, INVISIBLE, ""),
        _node(f"text{index}", (source + target) / 2, y + 0.13, "", found["text"]),
        f"from{index} -> to{index}",
    ]


def _node(name: str, x: float, y: float, look: str, label: str) -> str:
    return f'{name} [pos="{x:.3f},{y:.3f}!", {look + ", " if look else ""}label="{label}"]'


class Sequence(SphinxDirective):
    """Draws a sequence of messages as :class:`~sphinx.ext.graphviz.Graphviz` draws a text that is in the page."""

    has_content = True
    option_spec: ClassVar[Any] = {"alt": directives.unchanged, "caption": directives.unchanged}

    def run(self) -> list[Node]:
        text = dot(list(self.content)).splitlines()
        drawn = Graphviz(
            "graphviz", [], self.options, text, self.lineno, self.content_offset, self.block_text, self.state, self.state_machine
        )
        return drawn.run()


def setup(app: Sphinx) -> dict[str, Any]:
    """Give Sphinx the directive."""
    app.setup_extension("sphinx.ext.graphviz")
    app.add_directive("sequence", Sequence)
    return {"parallel_read_safe": True}
