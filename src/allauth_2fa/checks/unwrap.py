"""Finds the view under the decorators of a URL pattern. Nothing is imported or called."""

from __future__ import annotations

import functools
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKS = ("view_class", "cls", "__wrapped__", "__func__")
"""Attributes in which Django's and REST framework's class-based views, decorators and bound methods keep what they wrap."""

MOST_LAYERS = 50
"""Most layers that are followed: more than any view has. It ends the search for a view that wraps itself."""


def layers(callback: Any) -> Iterator[Any]:
    """Yield what a pattern calls, from the outside in: functions under decorators, the view's class, callable objects."""
    waiting = [callback]
    for _layer in range(MOST_LAYERS):
        if not waiting:
            return
        layer = waiting.pop(0)
        yield layer
        waiting += _inside(layer)


def _inside(layer: Any) -> list[Any]:
    if isinstance(layer, type):
        return []
    found = [getattr(layer, name) for name in MARKS if getattr(layer, name, None) is not None]
    if isinstance(layer, functools.partial):
        return [layer.func]
    if isinstance(layer, MethodType):
        return [*found, layer.__self__]
    if not isinstance(layer, FunctionType):
        return [*found, *operations(layer), type(layer)]
    # A decorator without __wrapped__ keeps the view in its closure, as Django Ninja does.
    return found or _closed_over(layer)


def operations(layer: Any) -> list[Any]:
    """Return the functions that a view of Django Ninja calls, one for each HTTP method."""
    return [operation.view_func for operation in _ninjas(layer)]


def authenticators(layer: Any) -> list[type]:
    """Return the authentication classes of a view of REST framework or Django Ninja."""
    listed = getattr(layer, "authentication_classes", ())
    classes = [one for one in listed if isinstance(one, type)] if isinstance(listed, list | tuple) else []
    return [*classes, *(type(callback) for operation in _ninjas(layer) for callback in getattr(operation, "auth_callbacks", ()))]


def _ninjas(layer: Any) -> list[Any]:
    found = getattr(layer, "operations", None)
    return [operation for operation in found if hasattr(operation, "view_func")] if isinstance(found, list) else []


def _closed_over(function: FunctionType) -> list[Any]:
    found = []
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # it is filled later, or never
            continue
        if callable(value) or _ninjas(value):
            found.append(value)
    return found
