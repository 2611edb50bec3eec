"""The signal that projects can connect to."""

from __future__ import annotations

from django.dispatch import Signal

two_factor_event = Signal()
"""Sent for each event after its transaction is committed, with ``event`` (a name in ``allauth_2fa.audit.events.EVENTS``), ``user``,
``actor`` (the person who did it; by default the user), ``request`` (None for a command), ``device`` (its label) and ``facts``."""
