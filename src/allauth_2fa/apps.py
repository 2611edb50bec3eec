"""The app: connects the guard to Django's login signal, and allauth's reauthentication and headless API to our factors.

It also installs the fields that encrypt secrets and codes.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_finished
from django.utils.translation import gettext_lazy as _

NEEDED_APPS = ("django_otp", "django_otp.plugins.otp_totp", "django_otp.plugins.otp_static", "allauth", "allauth.account")


class AllauthTwoFactorConfig(AppConfig):
    """Two-factor authentication for django-allauth."""

    name = "allauth_2fa"
    verbose_name = _("two-factor authentication")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Check INSTALLED_APPS, and connect everything before the first request.

        Raises:
            ImproperlyConfigured: an app that this one needs is missing.
        """
        missing = [app for app in NEEDED_APPS if not apps.is_installed(app)]
        if missing:
            message = f"allauth_2fa needs these in INSTALLED_APPS: {', '.join(missing)}"
            raise ImproperlyConfigured(message)
        # What follows imports models, which exist only now.
        from . import after_response, checks, compat, receivers  # noqa: PLC0415
        from .encryption import columns  # noqa: PLC0415
        from .login import guard  # noqa: PLC0415
        from .sessions import reauthentication  # noqa: PLC0415

        checks.register()
        columns.connect()
        receivers.connect()
        request_finished.connect(after_response.run_left, dispatch_uid="allauth_2fa.after_response")
        user_logged_in.connect(self.on_login, dispatch_uid="allauth_2fa.guard")
        compat.on_mfa_authenticator_added(self.on_mfa_added)
        compat.join_reauthentication(reauthentication.is_recent, reauthentication.flows_of, reauthentication.keep, reauthentication.resume)
        compat.guard_session_readers(guard.may_show)
        if compat.headless_installed():
            from .headless import description  # noqa: PLC0415 - it demands that the headless API is installed

            description.join()

    @staticmethod
    def on_login(request: Any, user: Any, **_facts: Any) -> None:
        """Let the guard check a login by any view."""
        from .login import guard  # noqa: PLC0415 - it imports models

        guard.on_user_logged_in(request, user)

    @staticmethod
    def on_mfa_added(request: Any, user: Any, **_facts: Any) -> None:
        """Remember that the session has just set up an authenticator of ``allauth.mfa``, so that it is not asked for it."""
        from allauth_2fa.sessions import checked  # noqa: PLC0415 - it imports models

        checked.remember_mfa(request, user)
