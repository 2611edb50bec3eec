"""The page of every site."""

from django.http import HttpRequest, HttpResponse


def home(request: HttpRequest) -> HttpResponse:
    """Say who is logged in."""
    return HttpResponse(f"user: {request.user}", content_type="text/plain")
