"""The base class of all factors, and helpers that clean answers."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F

from allauth_2fa import statements
from allauth_2fa.exceptions import TooSoon

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.utils.functional import _StrPromise
    from django_otp.models import Device

LONGEST_ANSWER = 64
"""Length of the longest answer in characters; a longer one is refused without being checked."""

API_TYPES = ("recovery_codes", "totp", "webauthn")
"""The kinds of authenticators that allauth's headless API knows."""


def as_typed(value: Any) -> str:
    """Return a posted answer as text; scripts and tests post codes as numbers too."""
    return "" if value is None else str(value)


SENT_CODE = re.compile(r"(?<!\w)(?:\d{6,8}|\d{3}[ -]\d{3})(?!\w)")
"""A code as messages print it: six to eight digits, or two groups of three."""


def code_in(text: str) -> str:
    """Return the code in a sentence that was pasted whole, "Your code is 361423" say; any other text as it is.

    Text without letters is returned as it is: it may be several codes. A recovery code holds no such group of digits.
    """
    found = SENT_CODE.findall(text)
    return found[0] if len(found) == 1 and any(symbol.isalpha() for symbol in text) else text


def with_leading_zeros(answer: str, digits: int) -> str:
    """Return the answer with the leading zeros that a number loses, if it consists of digits.

    A sequence of codes is filled up to a whole number of codes.

    Args:
        answer: the answer, cleaned.
        digits: number of digits of each code.
    """
    is_number = answer.isascii() and answer.isdigit()
    return answer.zfill(-(-len(answer) // digits) * digits) if is_number else answer


def clean_answer(text: str) -> str:
    """Return the answer without blanks and dashes, and with digits of other scripts as ASCII digits; empty if it is too long."""
    if len(text) > LONGEST_ANSWER:
        return ""
    letters = (symbol for symbol in unicodedata.normalize("NFKC", text) if not symbol.isspace() and symbol != "-")
    return "".join(str(unicodedata.decimal(symbol, symbol)) for symbol in letters)


class Ask(NamedTuple):
    """One field that a user fills in to add a device: its name in the model, and its texts on the page."""

    name: str
    label: _StrPromise | str
    help_text: _StrPromise | str = ""
    autocomplete: str = "off"
    inputmode: str = "text"
    """The HTML ``inputmode``, which selects the keyboard of a phone."""
    nothing: _StrPromise | str = ""
    """The text shown when :meth:`Factor.choices` returns an empty list."""


class Factor(ABC):
    """Base class of a factor: one way to authenticate, for instance by an app, a passkey or a recovery code.

    ``id`` names the factor in settings, code and allauth's records; ``label`` names it on pages. Factors are offered in the
    order of ``rank``. A user with a device of a ``primary`` factor is asked for a second factor at login. Recovery codes
    replace a primary factor, but are not primary.
    """

    id: str
    label: _StrPromise | str
    rank: int = 50
    primary: bool = True
    inputmode: str = "numeric"
    """The HTML ``inputmode`` of the answer field, which selects the keyboard of a phone."""
    api_type: str = "totp"
    """What allauth's headless API calls devices of this factor, one of ``API_TYPES``: it asks for a code for ``totp``."""
    typed: bool = True
    """Whether answers are typed into the page's field. If False, the factor has its own button."""
    icon: str = "key"
    """The name of the factor's icon, ``allauth_2fa/icons/ICON.svg``."""
    weaker: bool = False
    """Whether pages say that other factors protect better."""
    opt_in: bool = False
    """Whether the factor is on only if ``ALLAUTH_2FA_FACTORS`` names it."""
    enroll_page: str = ""
    """The URL name of the page on which a user adds a device; empty if users cannot add one. The page
    ``two-factor-add`` serves every factor that has :meth:`begin` and :meth:`complete`."""
    first_page: str = ""
    """The URL name of the page for a user's first device, if the factor has a separate one."""
    heading: _StrPromise | str = ""
    """The heading of the page that adds such a device, "Add a hardware token" for example. Without one, it is the label."""
    intro: _StrPromise | str = ""
    """One sentence that says what a sign-in with this factor takes, for users who choose a device to add."""
    prompt: _StrPromise | str = ""
    """One sentence that says how to get a code, for devices that neither show nor send one."""
    asks: tuple[Ask, ...] = ()
    """The fields that a user fills in to add a device before a code can be sent, for instance a phone number."""
    scanned: bool = False
    """Whether a device is added by scanning its secret as a QR code."""
    address_field: str = ""
    """The model's field for an e-mail address, which must be one of the user's addresses in allauth; empty if there is none.
    The device is removed or moved together with that address (:mod:`allauth_2fa.devices.addresses`)."""

    @property
    @abstractmethod
    def model(self) -> type[Device]:
        """The django-otp model of this factor's devices."""

    @abstractmethod
    def judge(self, device: Device, answer: str) -> None:
        """Accept the answer, or raise an exception. A code is accepted once.

        An implementation decides under a lock on the row or by one conditional UPDATE, so that of any number of simultaneous
        answers with the same code exactly one is accepted.

        Args:
            device: a confirmed device of the user, as the caller has loaded it.
            answer: the answer, cleaned by :func:`clean_answer`.

        Raises:
            Refused: the answer is not accepted; the exception says why.
        """

    @statements.lasting
    def devices(self, user: AbstractBaseUser) -> QuerySet[Device]:
        """Return the user's confirmed devices. The most recently used device comes first, if the model stores the time of use."""
        mine = self.model.objects.filter(user_id=user.pk, confirmed=True)
        if not hasattr(self.model, "last_used_at"):
            return mine.order_by("pk")
        return mine.order_by(F("last_used_at").desc(nulls_last=True), "pk")

    def recognizes(self, device: Device, answer: str) -> bool:
        """Return whether the answer, right or wrong, has the format of this device's codes."""
        return True

    def filled(self, device: Device, answer: str) -> str:
        """Return the answer in the device's own format: numeric codes get back the leading zeros that a number has lost."""
        return answer

    def accepts(self, device: Device, answer: str) -> bool:
        """Return whether the device would accept the answer now. Nothing is written; False if that cannot be known."""
        return False

    def is_guess(self, answer: str) -> bool:
        """Return whether such an answer could be guessed. Wrong guesses are charged to the user's failure budget."""
        return True

    def guess_probability(self, device: Device) -> float:
        """Return the probability that a random answer is accepted. The default is that of one code of six digits."""
        return 1e-6

    def is_sequence(self, device: Device, answer: str) -> bool:
        """Return whether the answer has the format of three consecutive codes. They cannot be guessed, so no budget limits them."""
        return False

    def is_interactive(self, device: Device) -> bool:
        """Return whether the device must send a code before an answer is possible."""
        return False

    @property
    def sends_codes(self) -> bool:
        """Whether devices of this factor can send codes."""
        return not hasattr(self.model.generate_challenge, "stub")

    def ensure_may_send(self, device: Device) -> None:
        """Check that the device may send another code now, by the cooldown of its django-otp model.

        Raises:
            TooSoon: the last code was sent too recently.
        """
        allowed, facts = device.generate_is_allowed()
        if not allowed:
            raise TooSoon((facts or {}).get("next_generation_at"))

    def make_code(self, device: Device) -> None:
        """Make a new code and save it. The caller has locked the device's row.

        Most of django-otp's models send the code in the same step. Work that must not keep the row locked belongs in :meth:`deliver`.

        Raises:
            Refused: nothing is sent to this device; the exception says why.
            Exception: any other exception means that no code was sent.
        """
        device.generate_challenge()

    def deliver(self, device: Device) -> None:  # noqa: B027 - most models have sent the code by then
        """Send the saved code, unless :meth:`make_code` has sent it. Raises the same exceptions."""

    def detail(self, device: Device) -> str:
        """Return the text that pages show next to the device's name, for instance a masked phone number."""
        return ""

    def choices(self, user: AbstractBaseUser, name: str) -> list[str] | None:
        """Return the values that a user may choose from for this field of :attr:`asks`, None if the user types a value."""
        return None

    def is_addable(self) -> bool:
        """Return whether users can add devices on :attr:`enroll_page` now. A subclass may query the database."""
        return bool(self.enroll_page)

    def begin(self, user: AbstractBaseUser, **facts: Any) -> Device:
        """Create an unconfirmed device, which its first code will confirm.

        Args:
            user: the owner of the device.
            facts: the values of the fields in :attr:`asks`, by name.

        Raises:
            Refused: a value cannot be used; the exception says why.
        """
        return self.model._default_manager.create(user_id=user.pk, confirmed=False, name="", **facts)

    def complete(self, device: Device, answer: str) -> None:
        """Confirm the device with its first code, which is then used up.

        Raises:
            Refused: the code is not right.
            NothingEnrolled: the device has been confirmed, replaced or removed in the meantime.
        """
        raise NotImplementedError
