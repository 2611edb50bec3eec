"""What is sealed opens again for its owner alone, and only as it was written."""

from __future__ import annotations

import pickle
import secrets
import sys
from base64 import b64decode, b64encode
from copy import deepcopy
from string import printable

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allauth_2fa.encryption import cipher, values
from tests.contracts.processes import run_python
from tests.encryption.keys import NEW, OLD, STRANGE

PLACE = "otp_totp.totpdevice.key"
SECRET = "3132333435363738393031323334353637383930"  # the one of RFC 6238

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
bytes_of_secrets = st.binary(min_size=1, max_size=40)
texts = st.text(st.characters(codec="utf-8"))
owners = st.one_of(st.integers().map(str), st.uuids().map(str), texts)


@pytest.fixture(autouse=True)
def _keyed(keyed):
    """The site has two keys."""


def seal(secret=SECRET, column_name=PLACE, owner="7"):
    return values.encrypted(secret, column_name, owner).stored


def reason(text, column_name=PLACE, owner="7"):
    """Return why the text cannot be read; nothing of a secret is in it."""
    shut = values.decrypted(text, column_name, owner)
    assert type(shut) is values.Unreadable
    assert SECRET not in shut.reason
    return shut.reason


# Secrets


@settings(**SHARED)
@given(secret=bytes_of_secrets, owner=owners)
def test_every_secret_fits_the_column_and_comes_back(secret, owner):
    text = seal(secret.hex(), owner=owner)
    assert len(text) <= 80
    assert text.isascii()
    # A short one may stand there by chance.
    assert len(secret) < 6 or secret.hex() not in text
    assert values.decrypted(text, PLACE, owner) == secret.hex()


@settings(**SHARED)
@given(secret=bytes_of_secrets, owner=owners, other=owners)
def test_it_opens_for_its_owner_alone(secret, owner, other):
    text = seal(secret.hex(), owner=owner)
    if other != owner:
        assert reason(text, owner=other) == "it was changed, or it belongs to another user"


def test_it_opens_in_its_column_alone():
    assert reason(seal(), column_name="otp_hotp.hotpdevice.key") == "it was changed, or it belongs to another user"


@settings(**SHARED)
@given(first=st.tuples(texts, texts), second=st.tuples(texts, texts))
def test_what_it_is_bound_to_cannot_be_shifted_between_column_and_owner(first, second):
    text = seal(SECRET, *first)
    assert (values.decrypted(text, *second) == SECRET) is (first == second)


def test_no_character_can_be_changed_left_out_or_added():
    text = seal()
    for at in range(len(text)):
        for symbol in set(printable) - {text[at]}:
            assert type(values.decrypted(text[:at] + symbol + text[at + 1 :], PLACE, "7")) is values.Unreadable
        assert type(values.decrypted(text[:at] + text[at + 1 :], PLACE, "7")) is values.Unreadable
        assert type(values.decrypted(text[:at], PLACE, "7")) in {values.Unreadable, str}
        assert values.decrypted(text[:at], PLACE, "7") == text[:at]
    for more in ("0", " ", "\n", "\0", "=", text):
        assert type(values.decrypted(text + more, PLACE, "7")) is values.Unreadable
        assert type(values.decrypted(more + text, PLACE, "7")) is values.Unreadable


@pytest.mark.parametrize("size", range(1, 41))
def test_there_is_one_way_to_write_it(size):
    # Base 64 has several for a number of bytes that is no multiple of three.
    text = seal("5a" * size)
    for symbol in set(printable) - {text[-1]}:
        assert type(values.decrypted(text[:-1] + symbol, PLACE, "7")) is values.Unreadable


def test_no_byte_can_be_changed():
    packed = b64decode(seal().removeprefix(cipher.ENCRYPTED))
    for at in range(len(packed)):
        for flipped in (1, 128):
            changed = bytes([*packed[:at], packed[at] ^ flipped, *packed[at + 1 :]])
            text = cipher.ENCRYPTED + b64encode(changed).decode()
            assert reason(text).startswith("ALLAUTH_2FA_ENCRYPTION_KEYS has no key" if at < 3 else "it was changed")


@pytest.mark.parametrize("text", ["~", "~0", "~" + "0" * 25, "~" + "0" * 52 + "=", "~" + "~" * 79, "~\N{BLACK HEART SUIT}"])
def test_what_is_no_sealed_text_is_damaged(text):
    assert reason(text) == "it is damaged"
    with pytest.raises(cipher.CannotDecryptError):
        cipher.key_id(text)


@settings(**SHARED)
@given(text=texts)
def test_any_text_is_readable_if_it_is_a_hexadecimal_number_and_unreadable_otherwise(text):
    value = values.decrypted(text, PLACE, "7")
    assert value == text
    assert (type(value) is str) is (len(text) % 2 == 0 and set(text) <= set("0123456789abcdefABCDEF"))


@settings(**SHARED)
@given(secret=st.binary(min_size=40, max_size=40))
def test_no_plain_secret_looks_like_a_sealed_one_and_none_the_other_way_round(secret):
    assert not cipher.is_encrypted(secret.hex())
    assert not cipher.is_encrypted(secret.hex().upper())
    with pytest.raises(ValueError, match="non-hexadecimal"):
        bytes.fromhex(seal(secret.hex()))


def test_what_is_no_secret_is_left_as_it_is():
    for text in ("", "abc", "no secret", "\0", "4a" * 41, seal()):
        assert values.encrypted(text, PLACE, "7") == text
        assert type(values.encrypted(text, PLACE, "7")) is str


def test_a_secret_in_capitals_is_the_same_secret():
    assert values.decrypted(seal("ABCDEF"), PLACE, "7") == "abcdef"


def test_the_same_secret_gives_the_same_text_and_another_owner_another():
    assert seal() == seal()
    assert len({seal(owner=str(owner)) for owner in range(50)}) == 50


def test_what_was_written_by_this_version_is_read_by_all_later_ones(use):
    use("kept for ever: this is what the first version wrote")
    assert values.decrypted("~/SdGliYJRQRBgZhFsIqzEUCTzPgLSrZP4SaoN8XgHrolQfi/WDmL", PLACE, "7") == SECRET
    assert values.digested("271828", "pager.pager.token", "7").stored == ":pw5gSfG!II##AM0"


# Keys


def test_each_key_opens_what_it_has_sealed_and_the_newest_seals(use):
    use(OLD)
    older = seal()
    use(NEW, OLD)
    newer = seal()
    assert values.decrypted(older, PLACE, "7") == values.decrypted(newer, PLACE, "7") == SECRET
    use(NEW)
    assert values.decrypted(newer, PLACE, "7") == SECRET
    assert reason(older) == f"ALLAUTH_2FA_ENCRYPTION_KEYS has no key {cipher.key_id(older)}"
    use(STRANGE)
    assert reason(newer) == f"ALLAUTH_2FA_ENCRYPTION_KEYS has no key {cipher.key_id(newer)}"
    use()
    assert reason(newer) == f"ALLAUTH_2FA_ENCRYPTION_KEYS has no key {cipher.key_id(newer)}"


def test_two_keys_of_one_name_are_both_tried(monkeypatch):
    first, second = cipher.site_keys()
    twin = second._replace(name=first.name)
    text = cipher.encrypt(b"secret", twin, PLACE, "7")
    monkeypatch.setattr(cipher, "_derived", lambda _entries: (first, twin))
    assert cipher.decrypt(text, PLACE, "7") == b"secret"


def test_the_equivalent_ciphertexts_of_a_secret_are_all_that_may_be_stored_of_it(use):
    both = values.equivalent_ciphertexts(SECRET, PLACE, "7")
    use(NEW)
    newer = seal()
    use(OLD)
    assert both == [SECRET, newer, seal()]
    use()
    assert values.equivalent_ciphertexts(SECRET, PLACE, "7") == [SECRET]
    assert values.equivalent_ciphertexts("no secret", PLACE, "7") == ["no secret"]


def test_the_name_of_a_key_and_what_is_derived_from_it_have_nothing_in_common():
    (key, _older) = cipher.site_keys()
    assert len({key.name, key.digesting[:3], NEW.encode()[:3], NEW.encode()[-3:]}) == 4
    assert NEW not in repr(key)
    assert repr(key.digesting) not in repr(key)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ("a text and no list, although it is long enough", "it is of type str, not list"),
        ({"a": 1}, "it is of type dict, not list"),
        ([NEW, b"bytes, although they are long enough"], "entry 2 is of type bytes, not str"),
        ([NEW, None], "entry 2 is of type NoneType, not str"),
        ([NEW, [OLD]], "entry 2 is of type list, not str"),
        ([""], "entry 1 has 0 characters, but needs at least 32"),
        ([NEW, "short"], "entry 2 has 5 characters, but needs at least 32"),
        (["a" * 64], "entry 1 repeats itself too much to be random"),
        (["password" * 4], "entry 1 repeats itself too much to be random"),
        ([NEW, OLD, NEW], "two entries are the same"),
        (["only for the tests, and that it is long enough"], "entry 1 is SECRET_KEY, and would be lost when that is changed"),
        (["an old one, only for the tests: long enough"], "entry 1 is SECRET_KEY, and would be lost when that is changed"),
    ],
)
def test_what_cannot_be_a_key_is_named_and_seals_and_opens_nothing(settings, entries, says):
    text = seal()
    settings.SECRET_KEY = "only for the tests, and that it is long enough"
    settings.SECRET_KEY_FALLBACKS = ["an old one, only for the tests: long enough"]
    settings.ALLAUTH_2FA_ENCRYPTION_KEYS = entries
    assert cipher.weaknesses(entries) == [says]
    for use_it in (seal, lambda: values.decrypted(text, PLACE, "7"), lambda: values.digested("123456", PLACE, "7")):
        with pytest.raises(ImproperlyConfigured) as raised:
            use_it()
        assert says in str(raised.value)
        assert not any(str(entry) in str(raised.value) for entry in entries if entry and len(entry) > 1)


@pytest.mark.parametrize(("alphabet", "length"), [("0123456789", 40), ("0123456789abcdef", 32), (printable, 32)])
def test_what_is_generated_is_never_too_weak(alphabet, length):
    for _ in range(500):
        assert cipher.weakness("".join(secrets.choice(alphabet) for _ in range(length))) == ""


def test_without_the_library_nothing_is_sealed_and_nothing_opened(monkeypatch, use):
    text = seal()
    use("another key, so that it is derived again: 123")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    for use_it in (seal, lambda: values.decrypted(text, PLACE, "7")):
        with pytest.raises(ImproperlyConfigured, match=r"pip install 'django-allauth-2fa\[encryption\]'"):
            use_it()


WORK = """
import sys, django
django.setup()
from django.conf import settings
from django_otp.plugins.otp_totp.models import TOTPDevice
device = TOTPDevice(user_id=1, key="ab" * 20)
device.verify_is_allowed(), device.bin_key
print("unused:", "cryptography" in sys.modules)
TOTPDevice._meta.get_field("key").pre_save(device, True)
print("used:", "cryptography" in sys.modules)
"""


@pytest.mark.parametrize(("project", "uses"), [("tests.settings", False), ("tests.settings_encrypted", True)])
def test_the_library_is_loaded_when_something_is_sealed_and_not_before(project, uses):
    assert run_python("-c", WORK, settings=project).splitlines() == ["unused: False", f"used: {uses}"]


# In memory


def test_a_pickle_holds_no_secret_and_no_code():
    secret, code = values.encrypted(SECRET, PLACE, "7"), values.digested("271828", "pager.pager.token", "7")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        frozen = pickle.dumps([secret, code], protocol)
        assert SECRET.encode() not in frozen
        assert b"271828" not in frozen
        thawed_secret, thawed_code = pickle.loads(frozen)  # noqa: S301 - our own
        assert thawed_secret == SECRET
        assert thawed_secret.stored == secret.stored
        assert thawed_code == "271828"
        assert str(thawed_code) == code.stored
    assert pickle.loads(pickle.dumps(thawed_code)) == "271828"  # noqa: S301 - our own


def test_a_pickle_of_what_cannot_be_read_stays_unreadable_until_the_key_is_back(use):
    text = seal()
    use(STRANGE)
    frozen = pickle.dumps(values.decrypted(text, PLACE, "7"))
    assert type(pickle.loads(frozen)) is values.Unreadable  # noqa: S301 - our own
    use(NEW)
    assert pickle.loads(frozen) == SECRET  # noqa: S301 - our own


def test_a_copy_is_as_good_as_the_original():
    secret = values.decrypted(seal(), PLACE, "7")
    copied = deepcopy([secret])[0]
    assert copied == secret
    assert (type(copied), copied.stored, copied.owner) == (values.Secret, secret.stored, "7")


def test_a_secret_is_a_string_like_any_other():
    secret = values.decrypted(seal(), PLACE, "7")
    assert secret == SECRET
    assert (f"{secret}", str(secret), secret.encode(), secret[:4]) == (SECRET, SECRET, SECRET.encode(), SECRET[:4])
    assert hash(secret) == hash(SECRET)
    assert type(secret.upper()) is str
    assert {secret: 1}[SECRET] == 1


# Codes


@settings(**SHARED)
@given(code=texts, owner=owners)
def test_the_digest_of_a_code_fits_the_column_and_equals_that_code_alone(code, owner):
    stored = values.digested(code, "pager.pager.token", owner).stored
    assert len(stored) == 16
    assert cipher.is_digest(stored)
    loaded = values.Digested(stored, stored, "pager.pager.token", owner)
    assert code == loaded
    assert loaded == code
    assert (code != loaded) is False
    assert (loaded != code) is False
    assert code + "0" != loaded
    assert stored != loaded
    assert stored[1:] != loaded


@settings(**SHARED)
@given(code=st.from_regex("[0-9]{6}", fullmatch=True), first=st.tuples(texts, owners), second=st.tuples(texts, owners))
def test_the_digest_of_a_code_is_bound_to_its_column_and_its_owner(code, first, second):
    stored = values.digested(code, *first).stored
    assert (code == values.Digested(stored, stored, *second)) is (first == second)


def test_a_digest_is_equal_to_itself_and_to_what_is_being_sent_and_to_nothing_else():
    sent = values.digested("314159", "pager.pager.token", "7")
    loaded = values.Digested(sent.stored, sent.stored, "pager.pager.token", "7")
    again = values.Digested(sent.stored, sent.stored, "pager.pager.token", "7")
    assert loaded == again
    assert loaded == sent
    assert sent == loaded
    assert sent == "314159"
    assert sent != "314158"
    assert hash(sent) == hash("314159")
    for other in (314159, None, b"314159", sent.stored, ["314159"], "314158"):
        assert loaded != other
        assert other != loaded


def test_a_factor_compares_codes_in_constant_time_whether_they_are_kept_or_not():
    sent = values.digested("314159", "pager.pager.token", "7")
    loaded = values.Digested(sent.stored, sent.stored, "pager.pager.token", "7")
    for value in ("314159", sent, loaded):
        assert values.is_code(value, "314159")
        assert not values.is_code(value, "314158")
        assert not values.is_code(value, sent.stored)


def test_the_digest_of_a_code_cannot_be_made_without_a_key(use, settings):
    sent = values.digested("314159", "pager.pager.token", "7")
    loaded = values.Digested(sent.stored, sent.stored, "pager.pager.token", "7")
    use(OLD, NEW)
    assert loaded == "314159"
    use(STRANGE)
    assert loaded != "314159"
    use()
    assert loaded != "314159"
    settings.SECRET_KEY = "another one"
    use(NEW)
    assert loaded == "314159"
