"""Adapters of projects."""

from __future__ import annotations

from allauth_2fa.adapter import OTPAdapter


class ExemptingAdapter(OTPAdapter):
    """Lets support in as somebody else."""

    def is_two_factor_exempt(self, request, user):
        return True


def is_alice(user):
    """Mean Alice."""
    return user.username == "alice"


def is_carol(user):
    """Mean those who are called Carol."""
    return user.last_name == "Carol"
