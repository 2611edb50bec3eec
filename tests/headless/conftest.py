"""Where allauth's headless API is not installed, the tests that need it wait for test_with_headless.py."""

from importlib import import_module

from django.apps import apps
from django.conf import settings

collect_ignore = ["installed"]
if apps.is_installed("allauth.headless") and apps.is_installed("django_otp_webauthn"):
    collect_ignore = []
    # allauth chooses some of its URLs by the settings at import. No test that changes them may be the first to import them.
    import_module(settings.ROOT_URLCONF)
