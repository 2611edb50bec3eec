"""``{% load allauth_2fa_bootstrap5 %}``: fields with Bootstrap's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.forms import CheckboxInput, RadioSelect, Select

if TYPE_CHECKING:
    from django.forms import BoundField
    from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """Return the field's widget with Bootstrap's classes added to its own, and ``is-invalid`` if it has errors."""
    widget = field.field.widget
    classes = [widget.attrs.get("class", ""), _class_of(widget), "is-invalid" if field.errors else ""]
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


def _class_of(widget: object) -> str:
    # A group of radio buttons or boxes repeats the class on the box around it: two-factor's stylesheet dresses these.
    if isinstance(widget, RadioSelect):
        return "form-check-group"
    if isinstance(widget, CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, Select) else "form-control"
