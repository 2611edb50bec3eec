"""Permissions for Django REST framework and Django Ninja. Each module needs its package; no other module imports it."""
