"""Where django-otp-webauthn is not installed, the tests that need it wait for test_with_passkeys.py."""

from django.apps import apps

collect_ignore = [] if apps.is_installed("django_otp_webauthn") else ["installed"]
