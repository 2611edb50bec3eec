"""The grammar that every factor speaks."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F

from allauth_2fa import statements
from allauth_2fa.exceptions import TooSoon

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise
    from django_otp.models import Device

LONGEST_ANSWER = 64
"""Characters of the longest answer that any factor here can take; what is longer is refused unread."""


def as_typed(value: Any) -> str:
    """Return what was given back as text: scripts and tests post codes as numbers too."""
    return "" if value is None else str(value)


def with_leading_zeros(answer: str, digits: int) -> str:
    """Return the answer with the zeros that a number loses at its beginning, where it is made of digits.

    Several codes in a row are filled up to a whole number of codes.

    Args:
        answer: what was typed, cleaned.
        digits: how many digits each code has.
    """
    is_number = answer.isascii() and answer.isdigit()
    return answer.zfill(-(-len(answer) // digits) * digits) if is_number else answer


def clean_answer(text: str) -> str:
    """Return the answer without what people and clipboards add: blanks, dashes, digits of other scripts."""
    if len(text) > LONGEST_ANSWER:
        return ""
    letters = (symbol for symbol in unicodedata.normalize("NFKC", text) if not symbol.isspace() and symbol != "-")
    return "".join(str(unicodedata.decimal(symbol, symbol)) for symbol in letters)


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that a user fills in to add a device: a field of the model, and what the page says of it."""

    name: str
    label: _StrPromise | str
    help_text: _StrPromise | str = ""
    autocomplete: str = "off"
    inputmode: str = "text"
    """Which keyboard a phone shows for it."""
    nothing: _StrPromise | str = ""
    """What the page says instead of an empty list, where there is nothing to choose from (:meth:`Factor.choices`)."""


class Factor(ABC):
    """One kind of proof.

    ``id`` is the word for it in settings, code and allauth's records, ``label`` the one on pages. Factors are offered by
    rising ``rank``. A ``primary`` factor is one that a login can be made to wait for; recovery codes stand in for one and
    are none themselves.
    """

    id: str
    label: _StrPromise | str
    rank: int = 50
    primary: bool = True
    inputmode: str = "numeric"
    """Which keyboard a phone shows for an answer."""
    typed: bool = True
    """Whether answers are typed into the page's field. Others come from a button of their own."""
    icon: str = "key"
    """The word that names the factor's picture, ``allauth_2fa/icons/ICON.svg``."""
    weaker: bool = False
    """Whether the pages say that other factors protect better."""
    opt_in: bool = False
    """Whether the factor is on only where ``ALLAUTH_2FA_FACTORS`` names it."""
    enroll_page: str = ""
    """The name of the page on which a user adds such a device, empty where devices come from elsewhere. The page
    ``two-factor-add`` serves every factor that has :meth:`begin` and :meth:`complete`."""
    first_page: str = ""
    """The name of the page on which a user's first device is set up, where the factor has one of its own for it."""
    intro: _StrPromise | str = ""
    """What it takes to sign in by such a device, in one sentence, for those who choose one to add."""
    prompt: _StrPromise | str = ""
    """What to do for a code, in one sentence, where it is neither shown nor sent."""
    asks: tuple[Ask, ...] = ()
    """What a user fills in to add a device, before there can be a code: a number, say."""
    scanned: bool = False
    """Whether a device is added by scanning its secret."""
    address_field: str = ""
    """The model's field of an e-mail address that has to be one of the user's with allauth, empty where devices have none. A
    device goes, or moves, with its address (:mod:`allauth_2fa.devices.addresses`)."""

    @property
    @abstractmethod
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices."""

    @abstractmethod
    def judge(self, device: Device, answer: str) -> None:
        """Accept the answer, once, or raise :exc:`~allauth_2fa.exceptions.Refused`.

        The device is the caller's copy of the row. The verdict falls under the row's lock or by one conditional UPDATE,
        so that of any number of simultaneous answers with one code exactly one is accepted.

        Args:
            device: a confirmed device of the user's.
            answer: what was typed, cleaned by :func:`clean_answer`.
        """

    @statements.lasting
    def devices(self, user: AbstractBaseUser) -> QuerySet[Device]:
        """Return the user's confirmed devices, the last used one first, where their model notes it."""
        mine = self.model.objects.filter(user_id=user.pk, confirmed=True)
        if not hasattr(self.model, "last_used_at"):
            return mine.order_by("pk")
        return mine.order_by(F("last_used_at").desc(nulls_last=True), "pk")

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer, right or wrong, has the shape of this device's codes."""
        return True

    def filled(self, device: Device, answer: str) -> str:
        """Return the answer as the device shows its codes: with the leading zeros that a number has lost, for codes of digits."""
        return answer

    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the device would take the answer now, as far as that can be known without writing anything."""
        return False

    def is_guess(self, answer: str) -> bool:
        """Return whether such an answer could be right by chance. Wrong ones are counted then, over all factors together."""
        return True

    def guess_probability(self, device: Device) -> float:
        """Return the chance that an answer made at random is accepted. Where nothing is known: one code of six digits."""
        return 1e-6

    def is_sequence(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the shape of three codes in a row: nobody guesses those, so no budget limits them."""
        return False

    def is_interactive(self, device: Device) -> bool:
        """Return whether a code has to be sent before the device can be answered for."""
        return False

    @property
    def sends_codes(self) -> bool:
        """Whether there are devices of this factor that send codes."""
        return not hasattr(self.model.generate_challenge, "stub")

    def ensure_may_send(self, device: Device) -> None:
        """Check that the device may send another code now. django-otp's models know, those that have a cooldown.

        Raises:
            TooSoon: it sent one a short while ago.
        """
        allowed, facts = device.generate_is_allowed()
        if not allowed:
            raise TooSoon((facts or {}).get("next_generation_at"))

    def make_code(self, device: Device) -> None:
        """Make a new code, and save it, while nobody else can write the device's row.

        django-otp's models send it in the same step. What is not to hold up the row is done in :meth:`deliver`.

        Raises:
            Refused: nothing is sent to this device; the exception says why.
            Exception: whatever else is raised means that no code is on its way.
        """
        device.generate_challenge()

    def deliver(self, device: Device) -> None:  # noqa: B027 - most models have sent the code by then
        """Send the code that was made and saved, unless :meth:`make_code` has sent it. Raises as that does."""

    def detail(self, device: Device) -> str:
        """Return what pages say of the device beside its name: a masked number or address, say."""
        return ""

    def choices(self, user: AbstractBaseUser, name: str) -> list[str] | None:
        """Return what a user may choose from for that one of :attr:`asks`, None where it is typed."""
        return None

    def is_addable(self) -> bool:
        """Return whether users can add devices on :attr:`enroll_page` now. What that needs may be in the database."""
        return bool(self.enroll_page)

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create the device that waits to be confirmed by its first code.

        Args:
            user: whose device it is.
            facts: what was filled in, by the names of :attr:`asks`.

        Raises:
            Refused: what was filled in cannot be used; the exception says why.
        """
        return self.model._default_manager.create(user_id=user.pk, confirmed=False, name="", **facts)  # noqa: SLF001 - documented

    def complete(self, device: Device, answer: str) -> None:
        """Confirm the device by its first code, which counts as used.

        Raises:
            Refused: the code is not right.
            NothingEnrolled: the device was confirmed, replaced or removed meanwhile.
        """
        raise NotImplementedError
