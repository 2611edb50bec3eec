"""Where more of django-otp's plugins are not installed, the tests that need them wait for test_with_more_plugins.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("tests.pager") else ["installed"]
