"""Runs the test suites of allauth and django-otp with this package installed, and compares with how they end without it."""
