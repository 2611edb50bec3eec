"""What everybody is to get, written down from the words of the policy. Nothing here asks the product.

First, where an entrance leaves somebody (:func:`outcome_of`); then, what each place is to those who stand there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .places import LOGIN, PLACES, RIGHT_CODE

if TYPE_CHECKING:
    from .entrances import Entrance
    from .run import Cells
    from .states import State

    Kinds = dict[str, str | tuple[str, str]]
    """By the kind of the place: what everybody gets, or what a page and a script get."""

CHALLENGE, SETUP, AGAIN, NOBODY, THE_LOGIN = "challenge", "setup", "asked again", "nobody", "the login"

FOR_ALL: Kinds = {"open": "open", "unknown": "not found", "logout": "logged out"}
"""What no outcome changes: pages that ask for nobody, paths that lead nowhere, and the way out."""

GUARDED = (
    *("everybody", "members", "api", "password", "overview", "adding", "recovery codes", "removal"),
    *("reauthentication", "step-up", "fresh", "secured api", "secured admin"),
)
"""The kinds of places that ask who is there before they answer."""


@dataclass(frozen=True)
class Outcome:
    """Where somebody stands after an entrance."""

    name: str
    says: str
    """A sentence for the documentation."""
    opens: Kinds
    login: str = "in"
    """Where the login leads by which one comes to stand here."""


WAITS_FOR_A_CODE = Outcome(
    "outside, needs a code",
    "Nobody is logged in. The pending login waits for a code and opens no page.",
    {
        **FOR_ALL,
        **dict.fromkeys(GUARDED, THE_LOGIN),
        **dict.fromkeys(("everybody", "stream"), NOBODY),
        **dict.fromkeys(("api", "secured api"), "403"),
        **dict.fromkeys(("step-up", "fresh"), (THE_LOGIN, f"403: {THE_LOGIN}")),
    },
    CHALLENGE,
)
WAITS_FOR_A_DEVICE = Outcome(
    "outside, needs a device",
    "Nobody is logged in. The pending login waits for a device. It opens the setup and no other page.",
    {**WAITS_FOR_A_CODE.opens, "adding": "in"},
    SETUP,
)
NEEDS_THE_FACTOR = Outcome(
    "stopped",
    "The session has a user and needs the second factor. Code that asks for the user sees nobody, and the visitor is led to the challenge.",
    {**FOR_ALL, "stream": NOBODY, **dict.fromkeys(GUARDED, (CHALLENGE, f"403: {CHALLENGE}"))},
)
NEEDS_THE_FACTOR_EACH_TIME = Outcome(
    "stopped each time",
    "The same. The proxy logs the user in again before Django looks for the page, so even an unknown path leads to the challenge.",
    {**dict.fromkeys(NEEDS_THE_FACTOR.opens, (CHALLENGE, f"403: {CHALLENGE}")), "logout": "logged out"},
    CHALLENGE,
)
LACKS = Outcome(
    "restricted",
    "The session has a user who lacks the required factor. The setup is open after the user has entered the password again."
    " The change of the password is open too.",
    {
        **FOR_ALL,
        "stream": NOBODY,
        **dict.fromkeys(GUARDED, (SETUP, f"403: {SETUP}")),
        **dict.fromkeys(("password", "overview"), "in"),
        **dict.fromkeys(("recovery codes", "removal"), SETUP),
        "adding": AGAIN,
    },
)
LACKS_EACH_TIME = Outcome(
    "restricted each time",
    "The proxy logs the user in again before Django looks for the page, and each of these logins waits for a device.",
    {**dict.fromkeys(LACKS.opens, (SETUP, f"403: {SETUP}")), "logout": "logged out", "adding": "in"},
    SETUP,
)
INSIDE = Outcome(
    "inside",
    "The user has no factor, and none is required now. Pages that ask for a second factor lead to the setup.",
    {
        **FOR_ALL,
        **dict.fromkeys((*GUARDED, "stream"), "in"),
        **dict.fromkeys(("reauthentication", "adding"), AGAIN),
        **dict.fromkeys(("recovery codes", "removal"), SETUP),
        **dict.fromkeys(("step-up", "fresh"), (SETUP, f"403: {SETUP}")),
        "secured api": f"403: {SETUP}",
        "secured admin": "403",
    },
)
JUST_LOGGED_IN = Outcome(
    "inside, just logged in",
    "The same. allauth has recorded the login, and for some minutes the user can add a first device without another confirmation.",
    {**INSIDE.opens, "adding": "in"},
)
NOT_VERIFIED = Outcome(
    "inside, not verified",
    "The user has a factor and was not asked for it. Pages that need a verified session ask for it.",
    {
        **INSIDE.opens,
        **dict.fromkeys(("adding", "recovery codes", "secured admin"), AGAIN),
        "removal": "in",
        **dict.fromkeys(("step-up", "fresh"), (AGAIN, f"403: {AGAIN}")),
        "secured api": f"403: {AGAIN}",
    },
)
PAGES_ONLY = Outcome(
    "inside, pages only",
    "The session needs the second factor, and the browser is trusted. A page opens, and the session is not verified. A script is refused.",
    {
        **{kind: (got if isinstance(got, str) else got[0], f"403: {CHALLENGE}") for kind, got in NOT_VERIFIED.opens.items()},
        **FOR_ALL,
        "stream": NOBODY,
    },
)
VERIFIED = Outcome(
    "verified",
    "The user has entered a code at the login. Pages that use allauth's reauthentication ask again, because they need an answer"
    " from within the session.",
    {**INSIDE.opens, **dict.fromkeys(GUARDED, "in"), "reauthentication": AGAIN},
    CHALLENGE,
)
VERIFIED_LONG_AGO = Outcome(
    "verified, long ago",
    "The user entered a code an hour ago. Pages that change the second factor ask again, and so do pages that set a maximum age.",
    {**VERIFIED.opens, **dict.fromkeys(("adding", "recovery codes"), AGAIN), "fresh": (AGAIN, f"403: {AGAIN}")},
    CHALLENGE,
)

OUTCOMES = [
    *(WAITS_FOR_A_CODE, WAITS_FOR_A_DEVICE, NEEDS_THE_FACTOR, NEEDS_THE_FACTOR_EACH_TIME, LACKS, LACKS_EACH_TIME),
    *(INSIDE, JUST_LOGGED_IN, NOT_VERIFIED, PAGES_ONLY, VERIFIED, VERIFIED_LONG_AGO),
]


def outcome_of(state: State, entrance: Entrance) -> Outcome:
    """Return where somebody stands who has come in so."""
    if state.answers:
        return VERIFIED_LONG_AGO if state.later else VERIFIED
    if state.has_factor:
        return _with_a_factor(state, entrance)
    if state.is_missing:
        return LACKS if entrance.is_running else LACKS_EACH_TIME if entrance.each_time else WAITS_FOR_A_DEVICE
    return JUST_LOGGED_IN if entrance.of_allauth and not entrance.is_running else INSIDE


def _with_a_factor(state: State, entrance: Entrance) -> Outcome:
    # The adapter's hook spares sessions, and not allauth's own logins.
    if state.is_exempted_by_hook and (entrance.is_running or not entrance.of_allauth):
        return NOT_VERIFIED
    # Trust is bound to the password, and lets pages pass.
    if state.is_trusted and not entrance.sets_password and not entrance.by_script:
        return PAGES_ONLY if entrance.is_running else NOT_VERIFIED
    return NEEDS_THE_FACTOR if entrance.is_running else NEEDS_THE_FACTOR_EACH_TIME if entrance.each_time else WAITS_FOR_A_CODE


def login_leads_to(found: Outcome, entrance: Entrance) -> tuple[str, str]:
    """Return what answers the login itself, to a page and to a script."""
    refusal = found.login if found.login == "in" else f"403: {found.login}"
    return ("", refusal) if entrance.by_script else (found.login, "")


def cell(found: Outcome, kind: str) -> tuple[str, str]:
    """Return what a page gets, and a script, at a place of that kind."""
    got = found.opens[kind]
    return (got, got) if isinstance(got, str) else got


def right_code(state: State) -> str:
    """Return what comes of the code that the user's app shows; nothing, if there is none."""
    return "" if not state.has_factor else "refused" if state.is_locked else "in"


def expected(state: State, entrance: Entrance) -> Cells:
    """Return what each place is to be to somebody who comes in so."""
    found = outcome_of(state, entrance)
    cells: Cells = {}
    if not entrance.is_running and not entrance.is_silent:
        cells[LOGIN] = login_leads_to(found, entrance)
    cells |= {place.name: cell(found, place.kind) for place in PLACES}
    if state.has_factor:
        cells[RIGHT_CODE] = (right_code(state), "")
    return cells
