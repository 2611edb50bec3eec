"""What is not installed in this run has no attacks on it."""

from django.apps import apps

ATTACKS = {
    "test_mfa_beside_us.py": "allauth.mfa",
    "test_passkeys_of_allauth_mfa.py": "allauth.mfa",
    "test_password_instead_of_the_factor.py": "allauth.mfa",
    "test_headless.py": "allauth.headless",
    "test_usersessions.py": "allauth.usersessions",
}

collect_ignore = [file for file, app in ATTACKS.items() if not apps.is_installed(app)]
