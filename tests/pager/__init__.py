"""An app of a project's own, with a django-otp device that nobody has written a factor for."""
