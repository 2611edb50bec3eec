"""System checks of the installation. Each has a stable id; ``docs/checks.md`` lists them.

A server runs no checks when it starts, so their modules are imported when Django runs them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CHECKS: Mapping[str, tuple[str, ...]] = {
    checks.Tags.security: (
        "budget.check_limits",
        "factors.check_factors",
        "factors.check_sent_codes",
        "factors.check_passkey_login",
        "factors.check_encryption",
        "login_views.check_login_views",
        "middleware_order.check_order",
        "overrides.check_login_overrides",
        "overrides.check_silent_overrides",
        "requirement.check_required",
        "requirement.check_required_factors",
        "requirement.check_enrollment_stage",
        "tokens.check_session_readers",
        "tokens.check_stateless_tokens",
        "wiring.check_adapter",
        "wiring.check_stage",
        "wiring.check_reauthentication",
        "wiring.check_middleware",
        "wiring.check_settings",
        "wiring.check_sessions",
        "wiring.check_cache",
    ),
    checks.Tags.urls: ("headless.check_endpoints", "overrides.check_setup_overrides", "urls.check_missing", "urls.check_places"),
    checks.Tags.database: ("factors.check_addresses",),
}
"""The checks by their tag in Django, as ``module.function``."""

DEPLOYMENT = ("factors.check_secrets_at_rest",)
"""Security checks that run with ``check --deploy`` only."""


def register() -> None:
    """Register all checks with Django."""
    for tag, names in CHECKS.items():
        for name in names:
            checks.register(_imported_when_run(name), tag)
    for name in DEPLOYMENT:
        checks.register(_imported_when_run(name), checks.Tags.security, deploy=True)


@cache  # Django registers a function once, however often the app becomes ready.
def _imported_when_run(name: str) -> Callable[..., Iterable[checks.CheckMessage]]:
    def check(**named: Any) -> Iterable[checks.CheckMessage]:
        run: Callable[..., Iterable[checks.CheckMessage]] = import_string(f"{__name__}.{name}")
        return run(**named)

    return check
