"""allauth's headless API with the second factor of this package."""
