"""Login views that a site may have beside allauth's, each as careless as real ones are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import perform_login
from allauth.account.views import request_login_code
from django.contrib.auth import alogin, authenticate, login
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import TemplateView, UpdateView

from tests.attacks.adapters import later
from tests.urls import urlpatterns as project_urls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest


def who(request: HttpRequest) -> JsonResponse:
    """Say who is there, for the request and for one who reads the session."""
    return JsonResponse(seen(request))


async def who_async(request: HttpRequest) -> JsonResponse:
    """Say the same to an async reader."""
    user = await request.auser()
    return JsonResponse({"user": user.get_username(), "key": await request.session.aget("_auth_user_id")})


def seen(request: HttpRequest) -> dict[str, str | None]:
    """Return who is there by each way of asking."""
    return {"user": request.user.get_username(), "key": request.session.get("_auth_user_id")}


def enter(request: HttpRequest) -> User:
    """Log in by the password alone."""
    user = authenticate(request, username=request.POST["username"], password=request.POST["password"])
    login(request, user)
    return user


LOOKS: list[dict[str, str | None]] = []
"""What the login views saw right after their login."""


def custom(request: HttpRequest) -> HttpResponse:
    """Log in, look around and lead on to wherever the visitor says."""
    enter(request)
    LOOKS.append(seen(request))
    return HttpResponseRedirect(request.POST.get("next", "/"))


def atomic(request: HttpRequest) -> HttpResponse:
    """Log in within a transaction."""
    with transaction.atomic():
        enter(request)
        LOOKS.append(seen(request))
    return HttpResponseRedirect("/")


def saved(request: HttpRequest) -> HttpResponse:
    """Log in and save the session at once, as those do who hand its key to a websocket."""
    enter(request)
    request.session.save()
    LOOKS.append(seen(request))
    return HttpResponseRedirect("/")


async def asynchronous(request: HttpRequest) -> HttpResponse:
    """Log in the async way."""
    user = await User.objects.aget(username=request.POST["username"])
    await alogin(request, user, "django.contrib.auth.backends.ModelBackend")
    found = await request.auser()
    LOOKS.append({"user": found.get_username(), "key": await request.session.aget("_auth_user_id")})
    return HttpResponseRedirect("/")


def token(request: HttpRequest) -> HttpResponse:
    """Log in, and give out a credential of the site's own in the body, a header and a cookie."""
    user = enter(request)
    response = JsonResponse({"token": f"token of {user}"})
    response["X-Token"] = f"token of {user}"
    response.set_cookie("token", f"token-of-{user}")
    return response


def crash(request: HttpRequest) -> HttpResponse:
    """Log in and break."""
    enter(request)
    message = "broken"
    raise RuntimeError(message)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Stream the user's name, which is read only while the body is sent."""

    def body() -> Iterator[str]:
        yield f"user: {request.user.get_username()}"

    return StreamingHttpResponse(body())


def two_logins(request: HttpRequest) -> JsonResponse:
    """Let Bob in by allauth, then turn to Alice, all in one request."""
    perform_login(request, User.objects.get(username="bob"))
    login(request, User.objects.get(username="alice"), "django.contrib.auth.backends.ModelBackend")
    return JsonResponse(seen(request))


DONE: list[str] = []
"""What was done on the page that asks for a reauthentication."""


@csrf_exempt
@reauthentication_required
def sensitive(request: HttpRequest) -> HttpResponse:
    """Do what a site guards by allauth's own decorator."""
    DONE.append(f"{request.method} {request.POST.get('what', '')}".strip())
    return HttpResponse("done")


class Profile(LoginRequiredMixin, UpdateView):
    """An ordinary page of a site: it has a redirect field name and a success URL that need an object."""

    model = User
    fields = ("first_name",)
    template_name = "account/base_manage.html"


class Members(LoginRequiredMixin, TemplateView):
    """An ordinary page of a site: it has a redirect field name and no success URL."""

    template_name = "account/base_manage.html"


urlpatterns = [
    *project_urls,
    # allauth has this path only where a setting was there at import.
    path("accounts/login/code/", request_login_code, name="account_request_login_code"),
    path("who/", who),
    path("who-async/", who_async),
    path("logins/django/", LoginView.as_view(template_name="account/base_entrance.html")),
    path("logins/custom/", custom),
    path("logins/atomic/", atomic),
    path("logins/saved/", saved),
    path("logins/async/", asynchronous),
    path("logins/token/", token),
    path("logins/crash/", crash),
    path("logins/two/", two_logins),
    path("stream/", stream),
    path("sensitive/", sensitive),
    path("profile/<int:pk>/", Profile.as_view()),
    path("members/", Members.as_view()),
    path("later/", later, name="later"),
]
