"""``{rooms}``: the diagram of the package's rooms, drawn from import-linter's layers and the imports in the source."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grimp
from sphinx.ext.graphviz import Graphviz
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
PACKAGE = "allauth_2fa"

LOOK = """
bgcolor=white; ranksep=0.3; nodesep=0.15
node [shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#6b7a90", height=0.3, margin="0.12,0.05"]
node [fontname="sans-serif", fontsize=11]
edge [color="#6b7a90", arrowsize=0.6]
"""


def layers() -> list[list[str]]:
    """Return the rooms on each layer, the highest layer first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.replace("|", ":").split(":")] for layer in found]


def imports(rooms: set[str]) -> dict[str, set[str]]:
    """Return which rooms each room imports, without those that it reaches through another one."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    for room in rooms:
        graph.squash_module(f"{PACKAGE}.{room}")
    direct = {}
    for room in rooms:
        names = graph.find_modules_directly_imported_by(f"{PACKAGE}.{room}")
        direct[room] = {name.partition(".")[2] for name in names} & rooms - {room}
    return {room: {to for to in found if not _is_detour(direct, found, to)} for room, found in direct.items()}


def _is_detour(direct: dict[str, set[str]], found: set[str], to: str) -> bool:
    return any(to in _reached(direct, other) for other in found - {to})


def _reached(direct: dict[str, set[str]], room: str) -> set[str]:
    found = direct[room]
    return found.union(*(_reached(direct, to) for to in found))


def dot() -> str:
    """Return the diagram as text."""
    ranks = layers()
    rows = [f"{{rank=same; {'; '.join(rank)}}}" for rank in ranks]
    order = " -> ".join(rank[0] for rank in ranks)
    found = imports({room for rank in ranks for room in rank})
    arrows = [f"{room} -> {to}" for room in sorted(found) for to in sorted(found[room])]
    return "\n".join(["digraph rooms {", LOOK, *rows, f"{order} [style=invis]", *arrows, "}"])


class Rooms(SphinxDirective):
    """Draws the rooms as :class:`~sphinx.ext.graphviz.Graphviz` draws a text that is in the page."""

    def run(self) -> list[Node]:
        options: dict[str, Any] = {"alt": "The rooms, from the highest layer to the lowest, and which room imports which"}
        drawn = Graphviz(
            "graphviz", [], options, dot().splitlines(), self.lineno, self.content_offset, self.block_text, self.state, self.state_machine
        )
        return drawn.run()


def setup(app: Sphinx) -> dict[str, Any]:
    """Give Sphinx the directive."""
    app.setup_extension("sphinx.ext.graphviz")
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True}
