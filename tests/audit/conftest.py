"""What the tests of events, the audit log and the mails ask for."""

from __future__ import annotations

import pytest
from django.core import mail

from allauth_2fa.models.audit import AuditEntry


@pytest.fixture
def logged():
    """Return what the audit log holds, oldest first: pairs of event and user's name."""

    def look():
        return list(AuditEntry.objects.order_by("pk").values_list("event", "user_label"))

    return look


@pytest.fixture
def mails():
    """Return the mails that have left so far."""
    return mail.outbox


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run what waits for the commit, at the end of a block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
