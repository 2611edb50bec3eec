"""The URLs of the project, and ours. Some of allauth's tests reload them after changing a setting, with what they include."""

from importlib import import_module, reload

from django.conf import settings
from django.urls import include, path

theirs = reload(import_module(settings.THEIR_URLCONF))

urlpatterns = [path("accounts/two-factor/", include("allauth_2fa.urls")), *theirs.urlpatterns]
