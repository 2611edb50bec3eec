"""Two-factor authentication for django-allauth, with django-otp's devices as factors."""

__version__ = "1.0.0a1"
