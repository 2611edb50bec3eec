"""The contender's pages, and two of the site's own."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from project import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("with-user/", pages.with_user),
    path("without-user/", pages.without_user),
]

if settings.KIND in {"a0", "ours"}:
    urlpatterns += [path("accounts/two-factor/", include("allauth_2fa.urls"))]
if settings.KIND in {"a0", "ours", "b", "allauth"}:
    urlpatterns += [path("accounts/", include("allauth.urls"))]
if settings.KIND == "c":
    from two_factor.urls import urlpatterns as two_factor_urls

    urlpatterns += [path("", include(two_factor_urls))]
if settings.KIND == "d":
    from mfa.views import LoginView

    urlpatterns += [
        path("login/", LoginView.as_view(), name="login"),
        path("mfa/", include("mfa.urls", namespace="mfa")),
    ]
