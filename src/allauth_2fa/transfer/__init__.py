"""Moves devices to other packages: one file for each package."""
