"""Views as projects write them: some log somebody in, and some only look like it."""

from __future__ import annotations

import functools

from django.contrib.auth import login as let_in
from django.contrib.auth.views import LoginView, PasswordResetConfirmView
from django.http import HttpResponse
from django.views import View


def plain(request):
    """Answer."""
    return HttpResponse()


def by_name(request):
    """Log in by another name of the function's."""
    let_in(request, None)


class Own(LoginView):
    """Derives from Django's."""


class ResetThatLogsIn(PasswordResetConfirmView):
    """Logs in after a reset."""

    post_reset_login = True


class CallableView(Own):
    """Is called itself."""

    def __call__(self, request):
        """Show the form."""
        return self.dispatch(request)


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


def of_a_package(request):
    """Log in, as the function of a known package does."""


of_a_package.__module__, of_a_package.__qualname__ = "loginas.views", "user_login"

partly = functools.partial(of_a_package)


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
