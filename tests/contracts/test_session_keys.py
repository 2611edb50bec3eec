"""One room names the keys under which this package stores something in a session, and there are three of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import allauth_2fa
from allauth_2fa.state import pending, session

SRC = Path(allauth_2fa.__file__).parent
KEYS = {"allauth_2fa", "allauth_2fa_stopped", "allauth_2fa_user_id"}
WITH_OLD_KEYS = {"checks/overrides.py"}
"""What looks for the keys in the code of projects on 0.x."""


def test_there_are_three_of_them():
    assert {value for name, value in (vars(session) | vars(pending)).items() if name.endswith("SESSION_KEY")} == KEYS


@pytest.mark.parametrize(
    "path", [path for path in SRC.rglob("*.py") if path.parent != SRC / "state"], ids=lambda path: str(path.relative_to(SRC))
)
def test_no_other_room_looks_into_a_session_by_a_key_of_ours(path):
    if str(path.relative_to(SRC)) in WITH_OLD_KEYS:
        return
    tree = ast.parse(path.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert names.isdisjoint({"STOPPED_SESSION_KEY", "PENDING_SESSION_KEY"})
    assert texts.isdisjoint(KEYS - {"allauth_2fa"})
