"""One of each kind of factor: how its device comes to be, and what its owner gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from binascii import unhexlify
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from otp_yubikey.models import YubikeyDevice
from yubiotp.otp import OTP, encode_otp

from allauth_2fa.models import RecoveryDevice
from tests.cast import code_of, wrong_code_of
from tests.pager.models import Pager

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.test import Client


CHALLENGE = "/accounts/two-factor/authenticate/"


class Kind(ABC):
    """A kind of factor, in the hands of one person."""

    stands_in = False
    """It is no factor by itself: its owner has an app too."""
    throttled = True
    """A wrong answer makes the next one wait."""
    asked_again = False
    """A wrong answer ends the question too, and the next one puts another."""
    lives: ClassVar[int | None] = None
    """Seconds after which a right answer is none any more."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.phone = TOTPDevice.objects.create(user=user, name="Phone") if self.stands_in else None
        self.device: Any = self.make()

    @abstractmethod
    def make(self) -> Any:
        """Return a confirmed device of the user's."""

    @abstractmethod
    def right(self, client: Client, store: str = CHALLENGE) -> str:
        """Return what the owner gives back where the client is asked."""

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        """Return what looks like an answer and is none."""
        right = self.right(client, store)
        return next(code for code in ("000000", "111111") if code != right)

    def look_again(self) -> None:
        """Read the device again. One that was removed stays as it was: its owner still holds it in the hand."""
        with suppress(ObjectDoesNotExist):
            self.device.refresh_from_db()

    def devices(self) -> list[Any]:
        """Return every device of the user's that may pay for a wrong answer."""
        return [device for device in (self.device, self.phone) if device is not None]


class Totp(Kind):
    lives = 120

    def make(self) -> TOTPDevice:
        return TOTPDevice.objects.create(user=self.user, name="Phone")

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        return code_of(self.device)

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        return wrong_code_of(self.device)


class Hotp(Kind):
    presses = 0

    def make(self) -> HOTPDevice:
        return HOTPDevice.objects.create(user=self.user, name="Token")

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        self.look_again()
        return f"{oath.hotp(self.device.bin_key, self.device.counter):06d}"

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        self.look_again()
        shown = {f"{oath.hotp(self.device.bin_key, at):06d}" for at in range(self.device.counter + 50)}
        return next(code for code in ("000000", "111111", "222222") if code not in shown)


class Paged(Kind):
    lives = 301

    def make(self) -> Pager:
        return Pager.objects.create(user=self.user, name="Pager")

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        # Within the cooldown of a code that another login was sent, this one waits for its own.
        Pager.objects.filter(pk=self.device.pk, token=None).update(last_generated_timestamp=None)
        client.post(store, {"action": "send", "device": self.device.persistent_id})
        self.look_again()
        return str(self.device.token)


class Yubi(Kind):
    throttled = False
    touches = 0

    def make(self) -> YubikeyDevice:
        return YubikeyDevice.objects.create(user=self.user, name="Blue key")

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        self.touches += 1
        otp = OTP(unhexlify(self.device.private_id), self.device.session + 1, 0, self.touches, 0)
        return encode_otp(otp, self.device.bin_key, self.device.public_id()).decode()

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        right = self.right(client, store)
        return right[:-1] + ("c" if right[-1] != "c" else "b")


class Recovery(Kind):
    stands_in = True
    throttled = False

    def make(self) -> RecoveryDevice:
        self.codes = RecoveryDevice.renew(self.user.pk, 5)
        return RecoveryDevice.objects.get(user=self.user)

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        return self.codes[-1]

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        return "0000-0000-0000-0000"


class Static(Kind):
    stands_in = True

    def make(self) -> StaticDevice:
        device = StaticDevice.objects.create(user=self.user, name="backup")
        for number in range(5):
            # A person may have two such devices, and no token is in both.
            StaticToken.objects.create(device=device, token=f"{device.pk}{self.user.username}{number}x")
        return device

    def right(self, client: Client, store: str = CHALLENGE) -> str:
        # Whose tokens are all spent has none to give back.
        return self.device.token_set.order_by("-pk").values_list("token", flat=True).first() or "zzzzzzz9"

    def wrong(self, client: Client, store: str = CHALLENGE) -> str:
        return "zzzzzzzz"


KINDS: list[type[Kind]] = [Totp, Hotp, Paged, Yubi, Recovery, Static]
