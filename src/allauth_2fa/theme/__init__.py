"""A look for all pages of allauth and of this package: an app for ``INSTALLED_APPS``, before ``allauth``."""
