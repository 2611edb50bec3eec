"""Our application, without what it does when it is ready."""

from django.apps import AppConfig


class Quiet(AppConfig):
    """Installs the models and nothing else."""

    name = "allauth_2fa"
    default_auto_field = "django.db.models.BigAutoField"
