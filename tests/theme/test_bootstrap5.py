"""Fields with Bootstrap's classes."""

from __future__ import annotations

import re

import pytest
from django import forms

from allauth_2fa.theme.bootstrap5.templatetags.allauth_2fa_bootstrap5 import control


class Form(forms.Form):
    text = forms.CharField(widget=forms.TextInput(attrs={"class": "own"}))
    box = forms.BooleanField()
    choice = forms.ChoiceField(choices=[("a", "A")])
    radio = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("text", "own form-control"), ("box", "form-check-input"), ("choice", "form-select"), ("radio", "form-check-group")],
)
def test_a_field_has_the_classes_of_its_kind_beside_its_own(name, expected):
    assert re.findall(r'class="([^"]+)"', control(Form()[name]))[0] == expected
    assert re.findall(r'class="([^"]+)"', control(Form({})[name]))[0] == f"{expected} is-invalid"
