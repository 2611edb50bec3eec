"""Where the neighbours are not installed, the attacks on them wait for test_beside_other_apps.py."""

from django.conf import settings

collect_ignore = [] if hasattr(settings, "NEIGHBOURS") else ["beside"]
