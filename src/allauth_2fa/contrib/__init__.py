"""Permissions for REST framework and Ninja. Each module needs its package, and nothing else here imports it."""
