"""A login that has not run through the enrollment stage, on a site whose adapter leaves that stage out."""

from __future__ import annotations

import pytest

from allauth_2fa.login import first_device

pytestmark = pytest.mark.django_db


def test_a_login_without_the_enrollment_stage_leaves_nothing_to_finish(rf, alice):
    request = rf.get("/")
    request.session = {}
    first_device.finish(request, alice)
    assert request.session == {}
