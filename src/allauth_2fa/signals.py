"""What a project can listen to."""

from __future__ import annotations

from django.dispatch import Signal

two_factor_event = Signal()
"""Sent for each event, once its transaction is committed, with ``event`` (a name of ``allauth_2fa.audit.events.EVENTS``), ``user``,
``actor`` (who did it; the user, if nobody else), ``request`` (None for a command), ``device`` (its label) and ``facts``."""
