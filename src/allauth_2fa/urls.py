"""The URLs. Include them at any prefix: ``path("accounts/two-factor/", include("allauth_2fa.urls"))``."""

from __future__ import annotations

from django.urls import path

from . import routes, views

urlpatterns = [path(route.path, getattr(views, route.view).as_view(), name=route.name) for route in routes.routes()]
