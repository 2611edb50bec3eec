"""What the tests of the audit log ask for."""

from __future__ import annotations

import pytest

from allauth_2fa.models.audit import AuditEntry


@pytest.fixture
def noted():
    """Return what the audit log holds, oldest first: pairs of event and user's name."""

    def look():
        return list(AuditEntry.objects.order_by("pk").values_list("event", "user_label"))

    return look
