#!/usr/bin/env python
"""Run the demo site: `python demo/manage.py prepare_demo`, then `... runserver`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demosite.settings")
    execute_from_command_line(sys.argv)
