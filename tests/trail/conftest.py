"""What the tests of the trail ask for."""

from __future__ import annotations

import pytest

from allauth_2fa.trail import TrailRow


@pytest.fixture
def noted():
    """Return what the trail holds, oldest first: pairs of event and user's name."""

    def look():
        return list(TrailRow.objects.order_by("pk").values_list("event", "user_label"))

    return look
