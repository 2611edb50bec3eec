"""Where the apps for impersonation are not installed, the tests that need them wait for test_with_the_apps.py."""

from django.apps import apps

from tests.docs.conftest import shop, shop_folder  # noqa: F401 - fixtures: the files that the pages show

collect_ignore = [] if apps.is_installed("hijack") else ["installed"]
