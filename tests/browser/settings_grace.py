"""The demo with a requirement that gives people two weeks."""

from tests.browser.settings import *  # noqa: F403 - the rest is the same

ALLAUTH_2FA_GRACE_PERIOD = 14
