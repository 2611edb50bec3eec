"""The site's own pages: what every visitor loads all day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def with_user(request: HttpRequest) -> HttpResponse:
    """Greet the user: needs the session and the user."""
    return render(request, "with_user.html")


def without_user(request: HttpRequest) -> HttpResponse:
    """Greet anybody: needs neither."""
    return render(request, "without_user.html")
