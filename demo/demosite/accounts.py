"""The accounts that the demo starts with.

Their passwords and secrets are public. They exist in the demo's own database only.
"""

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "demo-pass-2fa"


@dataclass(frozen=True)
class Account:
    """A demo account, and what it is there to show."""

    username: str
    shows: str
    # Names of its authenticator apps, each with a secret (20 bytes as hexadecimal digits).
    apps: dict[str, str]
    recovery_codes: tuple[str, ...] = ()
    is_staff: bool = False
    group: str = ""

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"


ACCOUNTS = (
    Account(
        username="newcomer",
        shows="Starts without a second factor: sign in and set one up.",
        apps={},
    ),
    Account(
        username="member",
        shows="Has an authenticator app and recovery codes.",
        apps={"Phone": "6d656d62657270686f6e6500000000000000a1b2"},
        recovery_codes=("demo2345", "demo3456", "demo4567"),
    ),
    Account(
        username="commuter",
        shows="Has two authenticator apps and chooses between them.",
        apps={
            "Work phone": "636f6d6d75746572776f726b00000000000a1b2c",
            "Tablet at home": "636f6d6d75746572686f6d6500000000000a1b2d",
        },
    ),
    Account(
        username="staff",
        shows="May use the admin, with a code.",
        apps={"Phone": "737461666670686f6e65000000000000000a1b2e"},
        is_staff=True,
    ),
    Account(
        username="trainee",
        shows="Is staff, and starts without a second factor: the admin stays closed until one is set up.",
        apps={},
        is_staff=True,
    ),
    Account(
        username="bookkeeper",
        shows="Must have a second factor: signing in goes on when one is set up.",
        apps={},
        group="Bookkeeping",
    ),
)


def ensure(account: Account) -> None:
    """Bring an account to its starting state, and leave alone what visitors have added."""
    user, _ = get_user_model().objects.get_or_create(username=account.username, defaults={"email": account.email})
    _ensure_login(user, account)
    for name, key in account.apps.items():
        TOTPDevice.objects.get_or_create(user=user, key=key, defaults={"name": name, "confirmed": True})
    if account.recovery_codes:
        static, _ = StaticDevice.objects.get_or_create(user=user, name="Recovery codes")
        for code in account.recovery_codes:
            static.token_set.get_or_create(token=code)


def _ensure_login(user: AbstractUser, account: Account) -> None:
    # The hash changes with each call, which would end sessions; so only where it must.
    if not user.check_password(PASSWORD):
        user.set_password(PASSWORD)
    user.is_staff = user.is_superuser = account.is_staff
    user.save()
    if account.group:
        user.groups.add(Group.objects.get_or_create(name=account.group)[0])
    EmailAddress.objects.update_or_create(
        user=user,
        email=account.email,
        defaults={"primary": True, "verified": True},
    )
