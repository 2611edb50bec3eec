"""Where allauth's headless API is not installed, the tests that need it wait for test_with_tokens.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("allauth.headless") and apps.is_installed("dj_rest_auth") else ["installed"]
