"""Where ``allauth.mfa`` is not installed, the tests that need it wait for test_with_allauth_mfa.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("allauth.mfa") else ["installed"]
