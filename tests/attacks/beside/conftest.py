"""What is not installed in this run has no attacks on it."""

from django.apps import apps

ATTACKS = {
    "allauth.mfa": "test_mfa_beside_us.py",
    "allauth.headless": "test_headless.py",
    "allauth.usersessions": "test_usersessions.py",
}

collect_ignore = [file for app, file in ATTACKS.items() if not apps.is_installed(app)]
