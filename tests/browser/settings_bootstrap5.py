"""The demo as a site that uses Bootstrap 5."""

from pathlib import Path

from tests.browser.settings import *  # noqa: F403 - the rest is the same
from tests.browser.settings import INSTALLED_APPS, SECURE_CSP, TEMPLATES

# "bootstrap" is the site's own copy of Bootstrap.
INSTALLED_APPS = [app.replace("allauth_2fa.theme", "allauth_2fa.theme.bootstrap5") for app in [*INSTALLED_APPS, "bootstrap"]]
TEMPLATES = [{**TEMPLATES[0], "DIRS": [Path(__file__).parent / "templates_bootstrap5"]}]
# Bootstrap's stylesheet holds its small images itself.
SECURE_CSP = {**SECURE_CSP, "img-src": ["'self'", "data:"]}
