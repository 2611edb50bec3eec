"""The figures to beat, and whether they are beaten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contenders import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable

Results = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A limit for one figure of ours."""

    step: str
    figure: str
    limit: float
    contender: str
    measure: Callable[[Results], float]
    unit: str = ""
    is_least: bool = False
    """Whether more than the limit is better."""

    def verdict(self, results: Results) -> tuple[float, bool] | None:
        """Return the figure and whether it is within the limit; None if unmeasured."""
        try:
            value = self.measure(results)
        except KeyError:
            return None
        return value, value >= self.limit if self.is_least else value <= self.limit


def _of(contender: str, step: str, figure: str) -> Callable[[Results], float]:
    def measure(results: Results) -> float:
        value: float = results["steps"][step][contender][figure]
        return value

    return measure


def _queries(step: str, limit: int, contender: str = "ours") -> Target:
    return Target(step, "queries", limit, contender, _of(contender, step, "queries"))


def _same_queries(step: str, other: str) -> Target:
    def difference(results: Results) -> float:
        steps = results["steps"]
        more: float = steps[step]["ours"]["queries"] - steps[other]["ours"]["queries"]
        return more

    return Target(step, f"queries beyond {other}", 0, "ours", difference)


def _calls(step: str, limit: int, contender: str = "ours-required") -> Target:
    return Target(step, "calls", limit, contender, _of(contender, step, "calls"))


def _time(step: str, limit: float, contender: str = "ours-required") -> Target:
    figure = f"time / {REFERENCE}"
    return Target(step, figure, limit, contender, _of(contender, step, "ratio"))


def _http(figure: str, least: float) -> Target:
    def measure(results: Results) -> float:
        value: float = results["http"]["ours"][figure]
        return value

    return Target("http", f"{figure} to allauth.mfa", least, "ours", measure, is_least=True)


def _startup(figure: str, limit: float, unit: str = "") -> Target:
    def measure(results: Results) -> float:
        value: float = results["startup"]["ours"][figure]
        return value

    return Target("startup", f"{figure} over allauth", limit, "ours", measure, unit)


def _qr(figure: str, limit: float) -> Target:
    def measure(results: Results) -> float:
        codes = results["qr"]
        ours, old = codes["ours, as on the page"], codes["qrcode SvgPathImage"]
        return float(ours[figure]) / float(old[figure])

    return Target("qr", f"{figure} / qrcode", limit, "ours", measure)


def _reads_the_same(results: Results) -> float:
    return sum(not code["reads_the_same"] for code in results["qr"].values())


TARGETS: tuple[Target, ...] = (
    _queries("password", 8),
    _queries("password-factor", 5),
    _queries("challenge", 3),
    _queries("wrong-1", 6),
    _same_queries("wrong-10", "wrong-1"),
    _queries("right-1", 12),
    _same_queries("right-10", "right-1"),
    _queries("recovery", 13),
    _queries("enrollment", 6),
    _queries("enrolled", 15),
    _queries("password-factor", 6, "ours-six"),
    _queries("challenge", 5, "ours-six"),
    _queries("wrong-1", 6, "ours-six"),
    _queries("right-1", 13, "ours-six"),
    _queries("make-codes", 9),
    _queries("page-user", 3),
    _queries("page-user", 3, "ours-required"),
    _queries("page-plain", 0),
    Target(
        "page-plain",
        "Vary: Cookie",
        0,
        "ours",
        _of("ours", "page-plain", "vary_cookie"),
    ),
    _time("login", 1.50),
    _calls("login", 35_000),
    _time("login", 1.65, "ours-six"),
    _calls("login", 38_000, "ours-six"),
    _time("login-known", 1.65, "ours-six"),
    _calls("login-known", 38_500, "ours-six"),
    _time("page-user", 1.35),
    _calls("page-user", 3_150),
    _calls("enrollment", 45_000),
    # 1.6 times as fast, 5 times as small.
    _qr("milliseconds", 1 / 1.6),
    _qr("bytes", 1 / 5),
    Target("qr", "codes that read differently", 0, "all", _reads_the_same),
    _startup("ratio", 0.3),
    _startup("megabytes", 2.7, "MB"),
    _http("logins_ratio", 0.85),
    _http("processor_ratio", 0.85),
)
