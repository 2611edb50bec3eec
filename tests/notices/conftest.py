"""What the tests of the mails ask for."""

from __future__ import annotations

import pytest
from django.core import mail


@pytest.fixture
def mails():
    """Return the mails that have left so far."""
    return mail.outbox


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Run what waits for the commit, at the end of a block."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
