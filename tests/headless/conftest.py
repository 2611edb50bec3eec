"""Where allauth's headless API is not installed, the tests that need it wait for test_with_headless.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("allauth.headless") and apps.is_installed("django_otp_webauthn") else ["installed"]
