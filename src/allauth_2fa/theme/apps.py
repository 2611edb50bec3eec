"""The app of the theme: templates and a stylesheet, without models or settings."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ThemeConfig(AppConfig):
    """allauth's layouts and elements, and the stylesheet that dresses them."""

    name = "allauth_2fa.theme"
    label = "allauth_2fa_theme"
    verbose_name = _("theme of the account pages")
