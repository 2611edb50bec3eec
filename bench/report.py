"""Lay the results out as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contenders import CONTENDERS, REFERENCE
from steps_table import TITLES
from targets import TARGETS, Results, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Figures = dict[str, Any]
LONGEST_STATEMENT = 150


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown, its columns as wide as they must be."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def laid_out(line: list[str]) -> str:
        first, *others = (
            cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "| " + " | ".join([first, *others]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([laid_out(lines[0]), laid_out(rule), *map(laid_out, lines[1:])])


def everything(results: Results) -> str:
    """Return the whole report."""
    parts = [_versions(results)]
    if results["steps"]:
        parts += [
            _section("Queries (writes); +: after the response; V: varies on Cookie", results, _queries),
            _section(
                f"Processor time: {REFERENCE} in ms, the others as ratios to it",
                results,
                _time,
            ),
            _section("Calls, of Python functions and built-in ones", results, _calls),
        ]
    if "qr" in results:
        parts.append(_qr(results["qr"]))
    if "startup" in results:
        parts.append(_startup(results["startup"]))
    if "http" in results:
        parts.append(_http(results["http"]))
    parts += [_targets(results), *_statements(results), *_errors(results)]
    return "\n\n".join(parts)


def _versions(results: Results) -> str:
    lines = [f"{name}: {what}" for name, what in results["versions"].items()]
    return "\n".join(lines)


def _section(title: str, results: Results, cell: Callable[[str, Figures], str]) -> str:
    names = list(CONTENDERS)
    rows = [[TITLES[step], *(_cell(cell, name, figures[name]) for name in names)] for step, figures in results["steps"].items()]
    return f"## {title}\n\n{table(['step', *names], rows)}"


def _cell(cell: Callable[[str, Figures], str], name: str, figures: Figures) -> str:
    if "not_offered" in figures:
        return "n/a"
    return "error" if "error" in figures else cell(name, figures)


def _queries(_name: str, figures: Figures) -> str:
    mark = " V" if figures["vary_cookie"] else ""
    after = f" +{figures['after']}" if figures["after"] else ""
    return f"{figures['queries']} ({figures['writes']}){after}{mark}"


def _time(name: str, figures: Figures) -> str:
    if name == REFERENCE:
        return f"{figures['milliseconds']:.2f} ms"
    # Without the reference's figure there is no ratio.
    return f"{figures['ratio']:.2f}" if "ratio" in figures else "-"


def _calls(_name: str, figures: Figures) -> str:
    return f"{figures['calls']:,}"


def _qr(codes: dict[str, Figures]) -> str:
    rows = [
        [
            name,
            str(code["characters"]),
            f"{code['milliseconds']:.1f}",
            f"{code['ratio']:.2f}",
            f"{code['bytes']:,}",
            "yes" if code["reads_the_same"] else "NO",
        ]
        for name, code in codes.items()
    ]
    head = ["drawn by", "characters", "ms", "ratio", "bytes", "reads the same"]
    return f"## QR code of one account\n\n{table(head, rows)}"


def _http(http: dict[str, Figures]) -> str:
    rows = [
        [name, f"{one['logins']:.1f}", f"{one['logins_ratio']:.2f}", f"{one['milliseconds']:.1f}", f"{one['processor_ratio']:.2f}"]
        for name, one in http.items()
    ]
    head = ["contender", "logins a second", "ratio", "processor ms a login", "ratio of the processor"]
    return f"## Logins over HTTP: gunicorn with one process, PostgreSQL; more is better in ratios\n\n{table(head, rows)}"


def _startup(startup: dict[str, Figures]) -> str:
    rows = [
        [
            name,
            over["over"],
            f"{over['milliseconds']:+.1f}",
            f"{over['ratio']:.2f}",
            f"{over['megabytes']:+.2f}",
            f"{over['modules']:+.0f}",
        ]
        for name, over in startup.items()
    ]
    head = ["contender", "over bare", "ms", "to all of bare", "MB", "modules"]
    return f"## Start-up, beyond the same project without it\n\n{table(head, rows)}"


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        verdict = target.verdict(results)
        if verdict:
            value, met = verdict
            rows.append(
                [
                    TITLES.get(target.step, target.step),
                    target.contender,
                    target.figure,
                    _number(value, target),
                    f"{'>=' if target.is_least else '<='} {_number(target.limit, target)}",
                    "met" if met else "MISSED",
                ]
            )
    head = ["step", "contender", "figure", "measured", "target", "verdict"]
    return f"## Targets\n\n{table(head, rows)}"


def _number(value: float, target: Target) -> str:
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.2f}"
    return f"{text} {target.unit}".rstrip()


def _statements(results: Results) -> Iterable[str]:
    """Yield the SQL of each step whose query count misses its target."""
    for target in TARGETS:
        verdict = target.verdict(results)
        if verdict and not verdict[1] and "queries" in target.figure:
            figures = results["steps"][target.step][target.contender]
            lines = [f"{number:3}. {statement[:LONGEST_STATEMENT]}" for number, statement in enumerate(figures["statements"], 1)]
            title = f"## Statements of {target.contender}: {TITLES[target.step]}"
            yield "\n".join([title, "", *lines])


def _errors(results: Results) -> Iterable[str]:
    for step, figures in results["steps"].items():
        for name, figure in figures.items():
            if "error" in figure:
                yield f"error: {name}, {TITLES[step]}: {figure['error']}"
