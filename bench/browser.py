"""Django's test client, with one habit of browsers more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.test import Client

if TYPE_CHECKING:
    from django.http import HttpResponse


class Browser(Client):
    """Forgets a cookie that the site has deleted; the test client would send it on."""

    def request(self, **request: Any) -> HttpResponse:
        """Make the request, then drop what has expired."""
        response: HttpResponse = super().request(**request)
        for name in [name for name, crumb in self.cookies.items() if _expired(crumb)]:
            del self.cookies[name]
        return response


def _expired(morsel: Any) -> bool:
    return morsel["max-age"] == 0
