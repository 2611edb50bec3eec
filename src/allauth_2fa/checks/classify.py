"""Recognises login views that are not allauth's: by their class, their name, or the authentication classes that they use.

Views of other packages are known by their dotted names, whether the packages are installed or not. A project's own view is
known if it derives from one of them. Any other login view is named when it is used (:func:`allauth_2fa.login.other_views.record`).
"""

from __future__ import annotations

import inspect
from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .unwrap import authenticators, layers

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kind(Enum):
    """What a login view does."""

    SESSION = "logs in by a session"
    ADMIN = "is the login form of an admin site"
    PASSKEY = "is django-otp-webauthn's own login"
    TOKEN = "gives out a token"  # noqa: S105 - a description
    PASSWORD = "takes a password with each request"  # noqa: S105 - a description


KNOWN = {
    "django.contrib.auth.views.LoginView": Kind.SESSION,
    "djangosaml2.views.AssertionConsumerServiceView": Kind.SESSION,
    "hijack.views.AcquireUserView": Kind.SESSION,
    "hijack.views.ReleaseUserView": Kind.SESSION,
    "loginas.views.user_login": Kind.SESSION,
    "loginas.views.user_logout": Kind.SESSION,
    "mozilla_django_oidc.views.OIDCAuthenticationCallbackView": Kind.SESSION,
    "sesame.views.LoginView": Kind.SESSION,
    "social_django.views.complete": Kind.SESSION,
    "django_otp_webauthn.views.BeginCredentialAuthenticationView": Kind.PASSKEY,
    "django_otp_webauthn.views.CompleteCredentialAuthenticationView": Kind.PASSKEY,
    "dj_rest_auth.mfa.views.MFAVerifyView": Kind.TOKEN,
    "dj_rest_auth.registration.views.RegisterView": Kind.TOKEN,
    "dj_rest_auth.views.LoginView": Kind.TOKEN,
    "djoser.social.views.ProviderAuthView": Kind.TOKEN,
    "djoser.views.TokenCreateView": Kind.TOKEN,
    "djoser.webauthn.views.LoginView": Kind.TOKEN,
    "knox.views.LoginView": Kind.TOKEN,
    "ninja_jwt.controller.AsyncTokenObtainPairController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.AsyncTokenObtainSlidingController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.TokenObtainPairController.obtain_token": Kind.TOKEN,
    "ninja_jwt.controller.TokenObtainSlidingController.obtain_token": Kind.TOKEN,
    "ninja_jwt.routers.obtain.obtain_token": Kind.TOKEN,
    "ninja_jwt.routers.obtain.obtain_token_sliding": Kind.TOKEN,
    "oauth2_provider.views.base.TokenView": Kind.TOKEN,
    "rest_framework.authtoken.views.ObtainAuthToken": Kind.TOKEN,
    "rest_framework_simplejwt.views.TokenObtainPairView": Kind.TOKEN,
    "rest_framework_simplejwt.views.TokenObtainSlidingView": Kind.TOKEN,
}
"""Login views of other packages. A view that derives from one of them is treated alike."""

PASSWORD_TAKERS = frozenset({"rest_framework.authentication.BasicAuthentication", "ninja.security.http.HttpBasicAuth"})
"""Authentication classes that take the user name and password from the header of each request (HTTP Basic authentication)."""

OUR_PERMISSION = "allauth_2fa.contrib.rest_framework.TwoFactorRequired"


def classify(callback: Any) -> tuple[str, Kind] | None:
    """Return the dotted name of a login view, and what it does; None for any other view.

    Args:
        callback: the callable of a URL pattern.
    """
    found = list(layers(callback))
    if any(_requires_verified_session(layer) for layer in found):
        return None
    for look in (_known, _resets, _takes_passwords):
        for layer in found:
            kind = look(layer)
            if kind is not None:
                return _view_name(found, layer), kind
    return None


def name_of(found: Any) -> str:
    """Return the dotted name of a class, a function or an object's class."""
    named = found if hasattr(found, "__qualname__") else type(found)
    # REST framework makes a class of a function and sets its name, but not its qualified name.
    return f"{named.__module__}.{named.__name__ if isinstance(named, type) else named.__qualname__}"


def _view_name(found: Sequence[Any], layer: Any) -> str:
    # A view of Django Ninja is an object without a useful name; the function that it calls has one.
    inner = [one for one in found if isinstance(one, FunctionType)]
    return name_of(layer if isinstance(layer, type | FunctionType) or not inner else inner[-1])


def _bases(layer: Any) -> Sequence[Any]:
    return inspect.getmro(layer) if isinstance(layer, type) else [layer]


def _known(layer: Any) -> Kind | None:
    """Return the kind of a known view."""
    return next((KNOWN[name] for base in _bases(layer) if (name := name_of(base)) in KNOWN), None)


def _resets(layer: Any) -> Kind | None:
    """Return the kind of Django's password reset, if it is set to log the user in afterwards."""
    logs_in = getattr(layer, "view_initkwargs", {}).get("post_reset_login", getattr(layer, "post_reset_login", False))
    return Kind.SESSION if logs_in is True else None


def _requires_verified_session(layer: Any) -> bool:
    """Return whether a view of REST framework requires a verified session with our permission class."""
    listed = getattr(layer, "permission_classes", ())
    classes = [one for one in listed if isinstance(one, type)] if isinstance(listed, list | tuple) else []
    return any(name_of(base) == OUR_PERMISSION for one in classes for base in inspect.getmro(one))


def _takes_passwords(layer: Any) -> Kind | None:
    takers = {name_of(base) for authenticator in authenticators(layer) for base in inspect.getmro(authenticator)}
    return Kind.PASSWORD if takers & PASSWORD_TAKERS else None
