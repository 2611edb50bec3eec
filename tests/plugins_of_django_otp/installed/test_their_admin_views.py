"""The views of django-otp's admin that show the secrets of tokens."""

from __future__ import annotations

import pytest
from django.urls import NoReverseMatch, reverse


@pytest.mark.parametrize("model", ["totp_totpdevice", "hotp_hotpdevice"])
@pytest.mark.parametrize("view", ["config", "qrcode"])
def test_the_views_of_django_otps_admin_that_show_secrets_are_gone(model, view):
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:otp_{model}_{view}", args=[1])
