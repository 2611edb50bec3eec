"""Where Wagtail and Unfold are not installed, the tests that need them wait for test_wagtail_and_unfold.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("unfold") else ["installed"]
