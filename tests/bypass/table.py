"""The matrix as tables: where somebody stands by state and entrance, and what each place is to those who stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entrances import ENTRANCES, KINDS
from .oracle import cell, login_leads_to, outcome_of, right_code
from .places import LOGIN, PLACES
from .states import STATES

if TYPE_CHECKING:
    from .entrances import Entrance
    from .oracle import Outcome
    from .states import State

STATES_HEAD = f"| | {' | '.join(KINDS)} | the right code |\n|{'---|' * (len(KINDS) + 2)}"
PLACES_HEAD = "| place | as a page | as a script |\n|---|---|---|"


def anchor(name: str) -> str:
    """Return how a heading of that name is linked to."""
    return f"#{name.replace(',', '').replace(' ', '-')}"


def row(state: State) -> str:
    """Return the row of a state: where those stand who come by each kind of entrance, which is the same for all of the kind."""
    cells = []
    for kind in KINDS:
        (name,) = {outcome_of(state, entrance).name for entrance in ENTRANCES if entrance.kind == kind}
        cells.append(f"[{name}]({anchor(name)})")
    return f"| **{state.name}** {state.says} | {' | '.join(cells)} | {right_code(state)} |"


def places(found: Outcome) -> str:
    """Return what is said of an outcome: a sentence, and the places, with those in one row where one gets the same."""
    alike: dict[tuple[str, str], list[str]] = {}
    logins = [login_leads_to(found, entrance) for entrance in ENTRANCES if _has_answered_login(found, entrance)]
    if logins:
        page, script = (next((pair[how] for pair in logins if pair[how]), "") for how in (0, 1))
        alike[page, script] = [LOGIN]
    for place in PLACES:
        alike.setdefault(cell(found, place.kind), []).append(place.name)
    rows = [f"| {', '.join(names)} | {page} | {script} |" for (page, script), names in alike.items()]
    return "\n".join([found.says, "", PLACES_HEAD, *rows])


def _has_answered_login(found: Outcome, entrance: Entrance) -> bool:
    return not entrance.is_running and not entrance.is_silent and any(outcome_of(state, entrance) is found for state in STATES)


def entrances() -> str:
    """Return the kinds of entrances, and which are of each."""
    return "\n".join(f"* **{kind}**: {', '.join(entry.name for entry in ENTRANCES if entry.kind == kind)}" for kind in KINDS)
