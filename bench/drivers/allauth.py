"""What the drivers of packages on top of allauth share."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from drivers.base import Account, Driver


class AllauthDriver(Driver):
    """allauth keeps addresses; allauth.mfa refuses users without a verified one."""

    def verify_email(self, account: Account) -> None:
        """Store the address as verified."""
        EmailAddress.objects.create(
            user=account.user,
            email=f"{account.username}@example.com",
            primary=True,
            verified=True,
        )
