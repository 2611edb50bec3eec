"""Parts of the reference that are made from the code: ``{settings-table}``, ``{refusals}``, ``{messages}`` and ``{commands}``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.management.base import BaseCommand
from sphinx.util.docutils import SphinxDirective

import allauth_2fa

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from docutils.nodes import Node
    from sphinx.application import Sphinx

APPS = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "allauth_2fa",
)
"""The smallest site that has the commands."""

EXAMPLE = {"n": 2, "wait": "in 4 minutes", "time": "17:06 UTC"}
"""What the sentences are filled with."""

SENTENCE = re.compile(r'\{% translate "([^"]+)" %\}|\{% blocktranslate [^%]*%\}(.*?)\{% endblocktranslate %\}', re.DOTALL)
"""What a template has to say, singular and plural together."""


def table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def settings_table() -> str:
    """Return each setting with its type, its default and its meaning, in the order of the names."""
    from allauth_2fa.app_settings import SETTINGS  # noqa: PLC0415 - the settings of Django are there by now

    def row(name: str) -> tuple[str, ...]:
        setting = SETTINGS[name]
        link = f"[{setting.full_name}](#{setting.full_name.lower()})"
        return link, f"`{setting.kind_name}`", f"`{setting.default()!r}`", setting.meaning

    return table(("setting", "type", "default", "meaning"), map(row, sorted(SETTINGS)))


def refusals() -> str:
    """Return each sentence that refuses an answer, with its code and what it means."""
    from allauth_2fa import exceptions  # noqa: PLC0415 - the settings of Django are there by now

    def sentences(refusal: type[exceptions.Refused]) -> list[str]:
        own = [vars(refusal)[name] for name in ("sentence", "sentence_with_time") if name in vars(refusal)]
        return list(dict.fromkeys(str(sentence % EXAMPLE) for sentence in own))

    def rows() -> Iterator[tuple[str, ...]]:
        found = (kind for _name, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, exceptions.Refused))
        for kind in sorted(found, key=lambda kind: inspect.getsourcelines(kind)[1]):
            meaning = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
            yield from ((sentence, f"`{kind.code}`", meaning) for sentence in sentences(kind))

    return table(("the user reads", "code", "it means"), rows())


def messages() -> str:
    """Return each sentence of the messages at the top of a page, with its template."""
    folder = Path(allauth_2fa.__file__).parent / "templates"

    def rows() -> Iterator[tuple[str, ...]]:
        for path in sorted((folder / "allauth_2fa" / "messages").iterdir()):
            for single, several in SENTENCE.findall(path.read_text()):
                for sentence in (single or several).split("{% plural %}"):
                    yield re.sub(r"\{\{ (\w+) \}\}", r"*\1*", sentence), f"`{path.relative_to(folder)}`"

    return table(("the user reads", "template"), rows())


def commands() -> str:
    """Return each management command: what it does, and its own options."""
    package = importlib.import_module("allauth_2fa.management.commands")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    loaded = {name: importlib.import_module(f"{package.__name__}.{name}").Command() for name in names}
    of_django = set(_actions(BaseCommand().create_parser("manage.py", "any")))
    parts = []
    for name, command in loaded.items():
        parser = command.create_parser("manage.py", name)
        parts += [f"## {name}", "", str(command.help), "", *_options(parser, of_django), ""]
    return "\n".join(parts)


def _actions(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return what the parser takes, by its name on the command line; argparse has no public list of that."""
    return {", ".join(action.option_strings) or action.dest: action for action in parser._actions}  # noqa: SLF001 - see above


def _options(parser: argparse.ArgumentParser, of_django: set[str]) -> Iterator[str]:
    """Return the table of its options, and that of each of its own commands."""
    found = {name: action for name, action in _actions(parser).items() if name not in of_django}
    inner = [action for action in found.values() if isinstance(action.choices, dict)]
    rows = [(_signature(name, action), _meaning(action)) for name, action in found.items() if action not in inner]
    if rows:
        yield table(("argument", "what it does"), iter(rows))
    for action in inner:
        for choice in action._choices_actions:  # type: ignore[attr-defined]  # noqa: SLF001 - the helps of the commands in it
            yield f"\n`{choice.dest}`: {choice.help}\n"
            yield from _options(action.choices[choice.dest], of_django)


def _signature(name: str, action: argparse.Action) -> str:
    value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
    return f"`{name}{value}`"


def _meaning(action: argparse.Action) -> str:
    choices = ", ".join(f"`{choice}`" for choice in action.choices or ())
    return " ".join(filter(None, [str(action.help or "") % {"default": action.default}, choices and f"One of {choices}."]))


def made(make: Any) -> type[SphinxDirective]:
    """Return a directive that shows what the function makes."""

    class Made(SphinxDirective):
        def run(self) -> list[Node]:
            return list(self.parse_text_to_nodes(make(), allow_section_headings=True))

    return Made


def setup(app: Sphinx) -> dict[str, Any]:
    """Give Sphinx the directives."""
    if not settings.configured:
        settings.configure(INSTALLED_APPS=APPS, MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"], USE_TZ=True)
        django.setup()
    for name, make in {"settings-table": settings_table, "refusals": refusals, "messages": messages, "commands": commands}.items():
        app.add_directive(name, made(make))
    return {"parallel_read_safe": True}
