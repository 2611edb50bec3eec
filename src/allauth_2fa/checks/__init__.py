"""System checks of the installation. Each has a stable id; ``docs/checks.md`` lists them."""

from __future__ import annotations

from . import budget, factors, login_views, middleware_order, overrides, requirement, tokens, urls, wiring

__all__ = ["budget", "factors", "login_views", "middleware_order", "overrides", "requirement", "tokens", "urls", "wiring"]
