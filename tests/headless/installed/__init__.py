"""The tests that need allauth's headless API."""
