"""A cache that a site may lose: while Redis cannot be reached it holds nothing, and asks for nothing to be handled.

Django's own back end raises then, in the middle of its sessions (``cached_db``) and of allauth's limits, and each page is an
error. This one lets both go on: sessions are read from the database, and allauth limits nothing meanwhile. What has to hold
then is in the database: the budget of wrong codes, used codes, the audit log.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class SurvivingRedisCache(RedisCache):
    """Django's Redis cache, which is empty while the server is gone."""

    def add(self, *args: Any, **kwargs: Any) -> bool:
        """Tell that nobody was faster: nobody can be."""
        return bool(self._ask(super().add, True, *args, **kwargs))  # noqa: FBT003 - what add() answers

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the default if there is nothing to ask."""
        return self._ask(super().get, default, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Keep it if there is somewhere to."""
        self._ask(super().set, None, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        """Return whether it is gone from there."""
        return bool(self._ask(super().delete, False, *args, **kwargs))  # noqa: FBT003 - what delete() answers

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        """Tell that it is not there if there is nowhere to look."""
        return bool(self._ask(super().has_key, False, *args, **kwargs))  # noqa: FBT003 - what has_key() answers

    def _ask(self, ask: Callable[..., Any], otherwise: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return ask(*args, **kwargs)
        except RedisError as error:
            logger.warning("The cache cannot be reached: %s", type(error).__name__)
            return otherwise
