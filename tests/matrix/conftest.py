"""Where more of django-otp's plugins are not installed, the matrix waits for test_every_factor_at_every_entrance.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("tests.pager") else ["installed"]
