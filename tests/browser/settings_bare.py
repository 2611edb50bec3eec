"""The demo without a theme: allauth's own layouts and elements."""

from tests.browser.settings import *  # noqa: F403 - the rest is the same
from tests.browser.settings import INSTALLED_APPS

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "allauth_2fa.theme"]
