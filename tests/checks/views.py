"""Views as projects write them: some log somebody in, and some only look like it."""

from __future__ import annotations

import functools

import django.contrib.auth
from django.contrib import auth
from django.contrib.auth import alogin
from django.contrib.auth import login as let_in
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache


def plain(request):
    """Answer."""
    return HttpResponse()


def by_name(request):
    """Log in by another name of the function's."""
    let_in(request, None)


def by_module(request):
    """Log in by the module."""
    auth.login(request, None)


def by_whole_path(request):
    """Log in by the whole path."""
    django.contrib.auth.login(request, None)


def by_late_import(request):
    """Import it where it is used."""
    from django.contrib.auth import login  # noqa: PLC0415 - what the test is about

    login(request, None)


async def by_async(request):
    """Log in the async way."""
    await alogin(request, None)


def by_inner(request):
    """Log in from a function inside."""

    def inner():
        let_in(request, None)

    inner()


def helper(request):
    """Log in on behalf of a view."""
    let_in(request, None)


def by_helper(request):
    """Let another function log in."""
    helper(request)


class Impostor:
    """Has a method of that name."""

    def let_in(self, request):
        """Log nobody in."""


def by_impostor(request):
    """Call a method that has the name of a global."""
    return Impostor().let_in(request)


def by_logout(request):
    """Use the module for something else."""
    auth.logout(request)


class Own(LoginView):
    """Derives from Django's."""


class HomeMade(View):
    """Logs in by a method."""

    @method_decorator(never_cache)
    def post(self, request):
        """Log in."""
        auth.login(request, None)


class Static(View):
    """Logs in by a static method."""

    @staticmethod
    def enter(request):
        """Log in."""
        auth.login(request, None)


class ResetThatLogsIn(PasswordResetConfirmView):
    """Logs in behind a reset."""

    post_reset_login = True


class CallableView:
    """Is called itself."""

    def __call__(self, request):
        """Log in."""
        let_in(request, None)


def silent(view):
    """Wrap a view without saying so."""

    def inner(request):
        return view(request)

    return inner


def circle(request):
    """Wrap itself."""


circle.__wrapped__ = circle


def unfilled():
    """Return a view that closes over what is not there yet."""

    def view(request):
        return later(request)

    if view is None:
        later = plain
    return view


logs_in = functools.partial(by_name)


# Stand-ins for packages that are not installed: what is known of them is what they are called.


def named(path, *bases, **facts):
    """Make a class of that dotted name."""
    module, _dot, name = path.rpartition(".")
    return type(name, bases or (View,), {**facts, "__module__": module})


ObtainAuthToken = named("rest_framework.authtoken.views.ObtainAuthToken")
TokenObtainPairView = named("rest_framework_simplejwt.views.TokenObtainPairView")
DjRestAuthLogin = named("dj_rest_auth.views.LoginView")
SocialLogin = named("shop.views.SocialLogin", DjRestAuthLogin)
Basic = named("rest_framework.authentication.BasicAuthentication", object)
Session = named("rest_framework.authentication.SessionAuthentication", object)
OwnBasic = named("shop.api.OwnBasic", Basic)
NinjaBasic = named("ninja.security.http.HttpBasicAuth", object)


def viewset(cls):
    """Return a view as REST framework's viewsets make it."""

    def view(request):
        return None

    view.cls = cls
    return view


class Operation:
    """One function behind a view of Django Ninja's."""

    def __init__(self, view_func, *auth_callbacks):
        self.view_func = view_func
        self.auth_callbacks = list(auth_callbacks)


class PathView:
    """A view of Django Ninja's."""

    def __init__(self, *operations):
        self.operations = list(operations)

    def get_view(self):
        """Return the view as new versions make it."""

        def view(request):
            return self.serve(request)

        return view

    def serve(self, request):
        """Serve; its old versions gave this method out."""
