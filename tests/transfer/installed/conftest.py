"""The cast of the transfer, and the command as an administrator runs it."""

from __future__ import annotations

from base64 import b32encode
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django_otp import device_classes
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User


def secrets_held() -> list[str]:
    """Return everything that must not be printed."""
    keys = [device.key for device in TOTPDevice.objects.exclude(key="")]
    plain = [b32encode(bytes.fromhex(key)).decode() for key in keys if len(key) % 2 == 0]
    return [*keys, *plain, *StaticToken.objects.values_list("token", flat=True)]


@pytest.fixture
def migrate() -> Callable[..., str]:
    """Run the command, and return what it printed; no secret ever is."""

    def run(**options: object) -> str:
        out, err = StringIO(), StringIO()
        call_command("allauth_2fa_migrate", stdout=out, stderr=err, **options)
        printed = out.getvalue() + err.getvalue()
        assert [secret for secret in secrets_held() if secret in printed] == []
        return printed

    return run


@pytest.fixture
def codes(alice: User) -> list[str]:
    """Alice's recovery codes, as 0.x made them."""
    sheet = StaticDevice.objects.create(user=alice, name="backup")
    return [sheet.token_set.create(token=token).token for token in ("aaaa2222", "bbbb3333", "cccc4444")]


@pytest.fixture
def switch() -> Callable[[], None]:
    """Make the switch: with the devices here gone, the login asks for what is in ``allauth.mfa``, on its page."""

    def run() -> None:
        for device in device_classes():
            device.objects.all().delete()

    return run


@pytest.fixture
def there() -> Callable[[User], dict[str, Authenticator]]:
    """Return what a user has in ``allauth.mfa``, by type; each type once."""

    def look(user: User) -> dict[str, Authenticator]:
        found = list(Authenticator.objects.filter(user=user))
        by_type = {authenticator.type: authenticator for authenticator in found}
        assert len(by_type) == len(found)
        return by_type

    return look
