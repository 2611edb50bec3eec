"""Every template compiles, however the project has set up its engine, and every template that is named is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.loader_tags import ExtendsNode, IncludeNode

import allauth_2fa

PACKAGE = Path(allauth_2fa.__file__).parent
FOLDER = PACKAGE / "templates"
TEMPLATES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())

LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
ENGINES = {
    "plain": {"APP_DIRS": True, "OPTIONS": {}},
    "debug": {"APP_DIRS": True, "OPTIONS": {"debug": True, "string_if_invalid": "MISSING %s"}},
    "no escaping": {"APP_DIRS": True, "OPTIONS": {"autoescape": False}},
    "loaders of its own": {"APP_DIRS": False, "OPTIONS": {"loaders": LOADERS}},
    "cached loaders": {"APP_DIRS": False, "OPTIONS": {"loaders": [("django.template.loaders.cached.Loader", LOADERS)]}},
    "built-in libraries": {"APP_DIRS": True, "OPTIONS": {"builtins": ["django.templatetags.i18n", "allauth.templatetags.allauth"]}},
}


@pytest.fixture(params=ENGINES)
def engine(request) -> DjangoTemplates:
    return DjangoTemplates({"NAME": "tried", "DIRS": [], **ENGINES[request.param]})


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_compiles_under_every_engine(engine, template):
    assert engine.get_template(template)


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_a_template_extends_and_includes_is_there(template):
    engine = engines["django"]
    nodes = engine.get_template(template).template.nodelist
    named = [node.parent_name for node in nodes.get_nodes_by_type(ExtendsNode)]
    named += [node.template for node in nodes.get_nodes_by_type(IncludeNode)]
    for name in (each for expression in named for each in names_in(expression)):
        # Which icon is included, the factor says; test_every_template_is_used looks at those.
        assert name == "allauth_2fa/icons/" or engine.get_template(name)


def names_in(expression) -> list[str]:
    """Return the templates that are named: by itself, or as the two between which a filter chooses."""
    if isinstance(expression.var, str):
        return [expression.var]
    return [name for _filter, arguments in expression.filters for _is_variable, text in arguments for name in text.split(",")]


def test_every_template_that_the_code_names_is_there():
    code = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r'"(allauth_2fa/[\w/]+\.(?:html|txt))"', code))
    named |= {f"allauth_2fa/{page}.html" for page in re.findall(r'\bpage(?: = form_key)? = "(\w+)"', code)}
    assert named
    assert named <= set(TEMPLATES)


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_is_used(template):
    texts = [path.read_text() for path in [*PACKAGE.rglob("*.py"), *FOLDER.rglob("*.*")] if path != FOLDER / template]
    stem = re.escape(template.removesuffix(Path(template).suffix))
    page = Path(template).stem
    # allauth's adapter adds the endings of mails.
    mail = re.sub(r"_(subject|message)\.\w+$", "", template)
    assert any(f'"{mail}"' in text for text in texts) or any(
        re.search(rf"{stem}\.|(page|icon)( = form_key|: str)? = \"{page}\"|else \"{page}\"", text) for text in texts
    )


# Programs for mail take styles in the mail alone.
PAGES = [name for name in TEMPLATES if name.endswith(".html") and not name.startswith("allauth_2fa/email/")]


@pytest.mark.parametrize("template", PAGES)
def test_no_script_and_no_style_stands_in_a_page(template):
    text = (FOLDER / template).read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", text))
