"""Rows to devices and back: one file for each package that devices are moved to or from."""
