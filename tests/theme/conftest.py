"""Both themes, as a site has them that lists the app before allauth."""

from __future__ import annotations

from pathlib import Path

import pytest

from allauth_2fa.theme import bootstrap5

BOOTSTRAP5 = Path(bootstrap5.__file__).parent
THEME = BOOTSTRAP5.parent
THEMES = {"theme": THEME, "bootstrap5": BOOTSTRAP5}


@pytest.fixture(params=THEMES)
def theme(request, settings) -> Path:
    """The site has a theme; the folder of its app."""
    return put_on(settings, THEMES[request.param])


def put_on(settings, folder: Path) -> Path:
    """Put the templates of a theme before those of the apps, and its tags among those that there are."""
    (engine,) = settings.TEMPLATES
    libraries = {"allauth_2fa_bootstrap5": "allauth_2fa.theme.bootstrap5.templatetags.allauth_2fa_bootstrap5"}
    settings.TEMPLATES = [{**engine, "DIRS": [folder / "templates"], "OPTIONS": {**engine["OPTIONS"], "libraries": libraries}}]
    return folder
