"""The names and titles of the steps, for those who have no Django."""

from __future__ import annotations

TITLES = {
    "password": "password POST, no factor",
    "password-factor": "password POST, factor",
    "challenge": "challenge page",
    "wrong-1": "first wrong code, 1 device",
    "wrong-10": "first wrong code, 10 devices",
    "right-1": "right code, 1 device",
    "right-10": "right code, last of 10",
    "recovery": "login by recovery code",
    "enrollment": "enrollment page",
    "enrolled": "enrollment POST",
    "make-codes": "making recovery codes",
    "read-codes": "making and reading them",
    "page-user": "page with user, verified",
    "page-plain": "page without user",
    "login": "whole login",
    "login-known": "the same, known browser",
}
