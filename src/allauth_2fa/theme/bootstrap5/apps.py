"""The app of the elements for Bootstrap 5: templates and a small stylesheet, without models or settings."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class Bootstrap5Config(AppConfig):
    """allauth's layouts and elements, made of Bootstrap's classes."""

    name = "allauth_2fa.theme.bootstrap5"
    label = "allauth_2fa_bootstrap5"
    verbose_name = _("account pages with Bootstrap 5")
