"""Each view that lets somebody in and is not allauth's is named, with whether the guard covers it; no other view is."""

from __future__ import annotations

import importlib.util
import re

import pytest
from allauth.account.views import LoginView as AllauthLoginView
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import include, path, re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.security import HttpBasicAuth
from rest_framework.decorators import api_view
from rest_framework.views import APIView

from allauth_2fa.admin import secure_admin_site
from allauth_2fa.checks import find
from allauth_2fa.checks.classify import KNOWN, OUR_PERMISSION, Kind
from allauth_2fa.contrib.rest_framework import TwoFactorRequired

from . import views
from .test_checks import middleware, urls

pytestmark = pytest.mark.django_db

OURS = "allauth_2fa.middleware.AllauthTwoFactorMiddleware"


def login_views(*patterns):
    """Return the login views of a URLconf."""
    with override_settings(ROOT_URLCONF=urls(*patterns)):
        return [(login_view.route, login_view.view, login_view.kind) for login_view in find.login_views()]


def kind_of(view):
    """Return what a view is taken for, None if it is no login view."""
    found = login_views(path("logins/", view))
    return found[0][2] if found else None


def messages(*patterns):
    with override_settings(ROOT_URLCONF=urls(*patterns)):
        found = [message for message in run_checks() if str(message.id).startswith("allauth_2fa.")]
    return {message.id.removeprefix("allauth_2fa."): message.msg for message in found}


# Views that log in by a session


LOGIN_VIEWS = {
    "derived from Django's": views.Own.as_view(),
    "a password reset that logs in": views.ResetThatLogsIn.as_view(),
    "a password reset that logs in, as an argument": PasswordResetConfirmView.as_view(post_reset_login=True),
    "a decorated class": never_cache(csrf_exempt(views.Own.as_view())),
    "a silently decorated class": views.silent(views.Own.as_view()),
    "a bound method": views.Own().dispatch,
    "a partial": views.partly,
    "a callable object": views.CallableView(),
    "one of Django Ninja's": views.PathView(views.Operation(views.plain), views.Operation(views.of_a_package)).get_view(),
    "one of an old Django Ninja's": views.PathView(views.Operation(views.of_a_package)).serve,
}


@pytest.mark.parametrize("view", LOGIN_VIEWS.values(), ids=LOGIN_VIEWS)
def test_a_view_that_logs_in_is_found_however_it_is_wrapped(view):
    assert kind_of(view) is Kind.SESSION


NO_DOORS = {
    "plain": views.plain,
    "one that calls login(), which is named when it is used": views.by_name,
    "silently decorated": views.silent(views.plain),
    "a circle": views.circle,
    "an unfilled closure": views.unfilled(),
    "allauth's": AllauthLoginView.as_view(),
    "a reset that logs nobody in": PasswordResetConfirmView.as_view(),
    "one of Django Ninja's": views.PathView(views.Operation(views.plain, views.Session())).get_view(),
    "sessions of REST framework's": views.viewset(views.named("shop.api.Orders", authentication_classes=[views.Session])),
    "decided later": views.viewset(views.named("shop.api.Odd", authentication_classes=property(lambda _self: []))),
}


@pytest.mark.parametrize("view", NO_DOORS.values(), ids=NO_DOORS)
def test_a_view_that_logs_nobody_in_is_not(view):
    assert kind_of(view) is None


def test_no_page_of_this_package_or_of_allauth_is_listed_as_a_login_view():
    assert login_views() == []


def test_a_login_view_is_named_with_its_whole_route_and_its_class():
    nested = include(([path("in/", include([re_path(r"^(?P<shop>\w+)/login$", views.Own.as_view())]))], "shop"), namespace="one")
    assert login_views(path("shops/", nested)) == [(r"shops/in/^(?P<shop>\w+)/login$", "tests.checks.views.Own", Kind.SESSION)]


def test_a_login_view_below_a_language_prefix_is_found():
    found = login_views(*i18n_patterns(path("logins/", views.Own.as_view())))
    assert [(view, kind) for _route, view, kind in found] == [("tests.checks.views.Own", Kind.SESSION)]


def test_the_function_inside_a_view_without_a_name_is_named():
    view = views.PathView(views.Operation(views.plain), views.Operation(views.plain, views.NinjaBasic())).get_view()
    assert login_views(path("logins/", view)) == [("logins/", "tests.checks.views.plain", Kind.PASSWORD)]


# Views of other packages


OF_PACKAGES = {
    "authtoken": (views.ObtainAuthToken.as_view(), Kind.TOKEN),
    "Simple JWT": (views.TokenObtainPairView.as_view(), Kind.TOKEN),
    "dj-rest-auth": (views.DjRestAuthLogin.as_view(), Kind.TOKEN),
    "derived from dj-rest-auth's": (csrf_exempt(views.SocialLogin.as_view()), Kind.TOKEN),
    "knox": (views.viewset(views.named("knox.views.LoginView")), Kind.TOKEN),
    "Basic among others": (views.viewset(views.named("shop.a.A", authentication_classes=[views.Session, views.Basic])), Kind.PASSWORD),
    "derived from Basic": (views.viewset(views.named("shop.a.A", authentication_classes=(views.OwnBasic,))), Kind.PASSWORD),
    "Basic of Django Ninja's": (views.PathView(views.Operation(views.plain, views.NinjaBasic())).get_view(), Kind.PASSWORD),
}


@pytest.mark.parametrize(("view", "kind"), OF_PACKAGES.values(), ids=OF_PACKAGES)
def test_a_view_of_a_package_is_known_by_its_name(view, kind):
    assert kind_of(view) is kind


class Orders(APIView):
    """A view of REST framework's, as it is without a setting: sessions, and passwords."""


class Careful(Orders):
    """Asks for the second factor itself."""

    permission_classes = (TwoFactorRequired,)


@api_view(["GET"])
def stock(request):
    """Answer."""


api = NinjaAPI(urls_namespace="of the login views", docs_url=None, openapi_url=None)


class Basic(HttpBasicAuth):
    """Takes passwords."""

    def authenticate(self, request, username, password):
        """Let nobody in."""


@api.get("/open")
def open_to_all(request):
    """Answer."""


@api.get("/closed", auth=Basic())
def closed(request):
    """Answer."""


def test_views_of_the_real_rest_framework_and_of_the_real_django_ninja_are_known():
    rest = [path("orders/", Orders.as_view()), path("careful/", Careful.as_view()), path("stock/", stock)]
    assert login_views(*rest, path("ninja/", api.urls)) == [
        ("orders/", "tests.checks.test_login_views.Orders", Kind.PASSWORD),
        ("stock/", "tests.checks.test_login_views.stock", Kind.PASSWORD),
        ("ninja/closed", "tests.checks.test_login_views.closed", Kind.PASSWORD),
    ]


def test_a_token_that_only_verified_sessions_get_is_no_login_view():
    view = views.named("shop.views.Token", views.ObtainAuthToken, permission_classes=[TwoFactorRequired])
    assert kind_of(view.as_view()) is None


def test_the_names_of_what_is_installed_here_are_still_theirs():
    assert f"{TwoFactorRequired.__module__}.{TwoFactorRequired.__name__}" == OUR_PERMISSION
    installed = [name for name in KNOWN if importlib.util.find_spec(name.partition(".")[0])]
    assert "django_otp_webauthn.views.CompleteCredentialAuthenticationView" in installed
    for name in installed:
        module, _dot, view = name.rpartition(".")
        spec = importlib.util.find_spec(module)
        assert re.search(rf"^(class|def) {view}\(", spec.loader.get_source(module), re.MULTILINE), name


def test_the_real_views_of_what_is_installed_here_are_known():
    found = login_views(
        path("loginas/", include("loginas.urls")),
        path("hijack/", include("hijack.urls")),
    )
    assert found == [
        ("loginas/login/user/<str:user_id>/", "loginas.views.user_login", Kind.SESSION),
        ("loginas/logout/", "loginas.views.user_logout", Kind.SESSION),
        ("hijack/acquire/", "hijack.views.AcquireUserView", Kind.SESSION),
        ("hijack/release/", "hijack.views.ReleaseUserView", Kind.SESSION),
    ]


# What the checks say


def test_the_checks_say_of_each_login_view_whether_it_is_covered(settings):
    found = messages(
        path("logins/", views.Own.as_view()),
        path("token/", views.ObtainAuthToken.as_view()),
        path("admin/", admin.AdminSite("own").urls),
        path("orders/", views.viewset(views.named("shop.api.Orders", authentication_classes=[views.Basic]))),
        path("passkey/", views.named("django_otp_webauthn.views.BeginCredentialAuthenticationView").as_view()),
    )
    assert {"W005", "W006", "W030", "W031", "E009"} <= set(found)
    assert "'logins/'" in found["W006"]
    assert "tests.checks.views.Own" in found["W006"]
    assert "The guard asks" in found["W006"]
    assert "The guard asks" in found["W005"]
    assert "'admin/login/'" in found["W005"]
    assert "The guard does not cover" in found["W030"]
    assert "The guard does not cover" in found["W031"]
    assert "shop.api.Orders" in found["W031"]


def test_without_the_guard_no_login_view_is_covered(settings):
    settings.MIDDLEWARE = middleware(settings, without=[OURS])
    found = messages(path("logins/", views.Own.as_view()), path("admin/", admin.AdminSite("own").urls))
    assert "the guard is missing" in found["W006"]
    assert "the guard is missing" in found["W005"]


def test_a_subclass_of_the_guard_covers_as_well(settings):
    settings.MIDDLEWARE = [entry.replace(OURS, "tests.checks.test_checks.GuardOfTheProject") for entry in settings.MIDDLEWARE]
    assert find.guard_is_on()


def test_many_views_that_take_passwords_are_one_message_that_names_some():
    many = [
        path(f"{number}/{part}/", views.viewset(views.named(f"shop.api.View{number}", authentication_classes=[views.Basic])))
        for number in range(8)
        for part in ("list", "detail")
    ]
    found = messages(*many)
    assert "shop.api.View0, shop.api.View1, shop.api.View2, shop.api.View3, shop.api.View4 and 3 more" in found["W031"]


def test_a_secured_admin_site_is_no_login_view_of_its_own():
    site = secure_admin_site(admin.AdminSite("secured"))
    assert login_views(path("admin/", site.urls)) == []


def test_without_a_urlconf_there_are_no_login_views(settings):
    settings.ROOT_URLCONF = ""
    assert find.login_views() == []
