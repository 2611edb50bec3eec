"""A cache whose server is gone: each call raises, as Django's Redis back end does then."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache


class ServerGone(Exception):  # noqa: N818 - said as it is
    """What a client library raises: nothing that Django or this package knows."""


class DeadCache(BaseCache):
    """``CACHES = {"default": {"BACKEND": "tests.dead_cache.DeadCache"}}``."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise ServerGone

    get = set = touch = delete = clear = incr = get_many = set_many = has_key = add
