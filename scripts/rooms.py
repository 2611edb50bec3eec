"""Measure how the package hangs together: walks through its rooms, arrows between them, and a few figures of its size.

A room is a package or a module of its own directly below ``allauth_2fa``. A walk does one thing that users do, on a database in
memory, and lists the rooms of the functions in the order in which each function is called for the first time: a reader who
follows the code reads them in this order. A *stay* is a stretch of functions of one room; a *return* is a stay in a room that the
walk has left before. The ground (settings, exceptions and the like) is left out: everything stands on it.

``python scripts/rooms.py`` measures this tree, ``--tree FOLDER`` another checkout of it. With ``--tree`` one from before the rooms
works, too: its files are counted to the rooms of what they do.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import statistics
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

PACKAGE = "allauth_2fa"
GROUND = {"app_settings", "exceptions", "compat", "signals", "apps", "routes"}
OUTSIDE = {"migrations", "__init__"}

# What files were for before each concept had a room: the path below the package, or below flows/, and the room.
FORMER = {
    "login": "flows/challenge flows/entry flows/guard flows/passwordless",
    "answers": "flows/answers",
    "devices": "flows/devices flows/enrollment flows/recovery flows/sending flows/passkeys flows/removals flows/deletion",
    "budget": "flows/purse flows/counting flows/limits flows/locks flows/lockout",
    "requirement": "flows/policy flows/standing flows/demand",
    "sessions": "flows/sessions flows/proof flows/stepup",
    "browsers": "flows/browsers flows/trust",
    "support": "flows/support",
    "audit": "audit events notices",
    "encryption": "encryption columns kept",
    "models": "models exemptions trail",
    "admin": "admin admin_site browser_admin support_admin",
    "responses": "refusals",
}
ROOM_OF = {file: room for room, files in FORMER.items() for file in files.split()}


def room_of(file: Path, package: Path) -> str:
    """Return the room that a file belongs to."""
    parts = file.relative_to(package).with_suffix("").parts
    return ROOM_OF.get("/".join(parts), parts[0])


def modules(package: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files of the package with their rooms."""
    for file in sorted(package.rglob("*.py")):
        room = room_of(file, package)
        if room not in OUTSIDE:
            yield file, room


# Walks


class Walk:
    """Notes which functions of the package are called, each once, with their rooms."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.prefix = f"{package}{os.sep}"
        self.seen: set[CodeType] = set()
        self.rooms: list[str] = []

    def __call__(self, frame: FrameType, event: str, _arg: object) -> None:
        """Take note of a call, as :func:`sys.setprofile` asks for it."""
        code = frame.f_code
        if event == "call" and code not in self.seen and code.co_filename.startswith(self.prefix) and code.co_name != "<module>":
            self.seen.add(code)
            room = room_of(Path(code.co_filename), self.package)
            if room not in GROUND | OUTSIDE:
                self.rooms.append(room)

    def of(self, act: Callable[[], object]) -> dict[str, object]:
        """Return where the act leads, by room."""
        sys.setprofile(self)
        try:
            act()
        finally:
            sys.setprofile(None)
        stays = [room for room, _ in groupby(self.rooms)]
        return {
            "functions": len(self.rooms),
            "stays": len(stays),
            "rooms": len(set(stays)),
            "returns": len(stays) - len(set(stays)),
            "path": stays,
        }


def walks(tree: Path) -> dict[str, dict[str, object]]:
    """Return the walk of each act."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.pop("TEST_DATABASE", None)
    sys.path[:0] = [str(tree / "src"), str(tree)]
    import django  # noqa: PLC0415 - the tree to measure has to be on the path first

    django.setup()
    from django.conf import settings  # noqa: PLC0415 - after the setup
    from django.core.management import call_command  # noqa: PLC0415 - after the setup

    settings.DATABASES["default"]["NAME"] = ":memory:"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    call_command("migrate", verbosity=0)
    package = tree / "src" / PACKAGE
    acts(lambda _name, act: act())  # What is done once in a process is done now.
    found: dict[str, dict[str, object]] = {}

    def trace(name: str, act: Callable[[], object]) -> object:
        result: list[object] = []
        found[name] = Walk(package).of(lambda: result.append(act()))
        return result[0]

    acts(trace)
    return found


def acts(do: Callable[[str, Callable[[], object]], object]) -> None:
    """Do one of each: a login and its code, a first enrollment, a session that the guard stops, a reset by support."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - after the setup
    from django.core.cache import cache  # noqa: PLC0415 - after the setup
    from django.core.management import call_command  # noqa: PLC0415 - after the setup
    from django.test import Client  # noqa: PLC0415 - after the setup
    from django_otp.plugins.otp_totp.models import TOTPDevice  # noqa: PLC0415 - after the setup

    from tests.cast import PASSWORD, code_of, give_answer, give_password  # noqa: PLC0415 - of the tree to measure

    cache.clear()
    User.objects.all().delete()
    alice = User.objects.create_user("alice", "alice@example.com", PASSWORD)
    client = Client()
    give_password(client, alice)
    client.get("/accounts/two-factor/setup/")
    device = TOTPDevice.objects.get(user=alice)
    code = {"token": code_of(device), "otp_token": code_of(device)}
    do("enrollment", lambda: expect(client.post("/accounts/two-factor/setup/", code), 302))
    TOTPDevice.objects.update(last_t=-1)
    device.refresh_from_db()
    visitor = Client()
    do("password login", lambda: expect(give_password(visitor, alice), 302))
    do("right code", lambda: expect(give_answer(visitor, code_of(device)), 302))
    if not visitor.get("/private/").status_code == 200:  # noqa: PLR2004, SIM201 - a page that only a user sees
        message = "The code did not log in."
        raise SystemExit(message)
    stranger = Client()
    stranger.force_login(alice)
    do("guard stop", lambda: expect(stranger.get("/private/"), 302))
    User.objects.create_superuser("staff", "staff@example.com", PASSWORD)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device has no folder
        options = {"by": "staff", "reason": "lost phone", "interactive": False, "stdout": nowhere}
        do("support reset", lambda: call_command("allauth_2fa_reset", "alice", **options))


def expect(response: object, status: int) -> None:
    """Stop where an act did not do what it measures."""
    if response.status_code != status:  # type: ignore[attr-defined]
        message = f"{response.status_code} instead of {status}"  # type: ignore[attr-defined]
        raise SystemExit(message)


# Arrows


def imports(file: Path, package: Path) -> Iterator[str]:
    """Yield the rooms that a file imports from, in what runs: what only types are imported for does not count."""
    tree = ast.parse(file.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    here = (PACKAGE, *file.relative_to(package).with_suffix("").parts)
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            base = list(here[: len(here) - node.level]) if node.level else []
            for alias in node.names:
                yield from _room(".".join([*base, *filter(None, [node.module]), alias.name]), package)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _room(alias.name, package)


def _room(name: str, package: Path) -> Iterator[str]:
    """Yield the room of a dotted name, if it is one of the package's."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        stem = package.joinpath(*parts[1:length])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if parts[0] == PACKAGE and file.exists():
                yield room_of(file, package) if file.name != "__init__.py" else parts[1]
                return


def arrows(package: Path) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which the first imports from the second."""
    found = {(room, other) for file, room in modules(package) for other in imports(file, package)}
    return {(a, b) for a, b in found if a != b and not {a, b} & (GROUND | OUTSIDE)}


CONCEPTS = {"login", "answers", "devices", "budget", "browsers", "requirement", "sessions", "support"}


# Size


def session_keys(package: Path) -> set[str]:
    """Return the names of ours by which something is read from a session or written into it."""
    trees = [ast.parse(file.read_text()) for file, _ in modules(package)]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {
        target.id: node.value.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in nodes:  # A, B = "...", "..."
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and isinstance(node.targets[0], ast.Tuple):
            pairs = zip(node.targets[0].elts, node.value.elts, strict=False)
            named |= {target.id: value.value for target, value in pairs if isinstance(target, ast.Name) and isinstance(value, ast.Constant)}
    keys: list[ast.expr] = []
    for node in nodes:
        if isinstance(node, ast.Subscript) and _is_session(node.value):
            keys.append(node.slice)
        elif isinstance(node, ast.Compare) and _is_session(node.comparators[0]):
            keys.append(node.left)
        elif isinstance(node, ast.Call) and any(map(_is_session, [getattr(node.func, "value", node.func), *node.args])):
            keys += node.args
    found = {key.value if isinstance(key, ast.Constant) else named.get(ast.unparse(key).split(".")[-1]) for key in keys}
    return {key for key in found if isinstance(key, str) and key.startswith(PACKAGE)}


def _is_session(node: ast.AST) -> bool:
    """Return whether it is a session, or what may be one: passkeys and codes keep their questions in a ``store``, or a ``place`` before."""
    return ast.unparse(node).split(".")[-1] in {"session", "store", "place"}


def size(package: Path) -> dict[str, float]:
    """Return a few figures of the code, without its migrations."""
    lines, noqa, lengths = 0, 0, []
    for file in package.rglob("*.py"):
        if "migrations" in file.parts:
            continue
        text = file.read_text()
        lines += len(text.splitlines())
        noqa += len(re.findall(r"# noqa", text))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lengths.append(body[-1].end_lineno - body[0].lineno + 1 if body else 0)
    return {
        "session keys": len(session_keys(package)),
        "noqa": noqa,
        "lines": lines,
        "functions": len(lengths),
        "median of a function": statistics.median(lengths),
        "90 % of the functions have at most": statistics.quantiles(lengths, n=10)[-1],
    }


def main() -> None:
    """Print it all, for people or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1], help="the checkout to measure")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    tree = options.tree.resolve()
    package = tree / "src" / PACKAGE
    found = arrows(package)
    mutual = sorted({tuple(sorted(pair)) for pair in found if pair[::-1] in found})
    inner = {pair for pair in found if set(pair) <= CONCEPTS}
    figures = {
        "arrows": len(found),
        "mutual pairs": len(mutual),
        "arrows between the eight concepts": len(inner),
        "mutual pairs between the eight concepts": len([pair for pair in mutual if set(pair) <= CONCEPTS]),
        **size(package),
    }
    measured = walks(tree)
    if options.json:
        print(json.dumps({"walks": measured, "figures": figures, "mutual": mutual}))
        return
    for name, walk in measured.items():
        print(f"{name}: {walk['functions']} functions, {walk['stays']} stays in {walk['rooms']} rooms, {walk['returns']} returns")
        print(f"  {' > '.join(walk['path'])}\n")  # type: ignore[arg-type]
    for name, figure in figures.items():
        print(f"{name}: {figure:g}")
    for pair in mutual:
        print(f"mutual: {' and '.join(pair)}")


if __name__ == "__main__":
    main()
