"""The mails in HTML, as a program shows them that knows light and dark."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.same_everywhere


def test_a_mail_about_an_event(visitor, demo, bea):
    visitor.come_to_the_challenge(bea)
    visitor.answer(bea.recovery_codes[0])
    visitor.is_logged_in(bea)
    visitor.read_mail(demo.newest_mail())
    visitor.is_at("A recovery code was used")
    visitor.look_around("notice")
