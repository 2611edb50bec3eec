"""Attack the devices of other plugins from several threads at the same moment."""

from __future__ import annotations

import copy
import shutil
from contextlib import suppress
from threading import Thread

import django_otp
import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.management import call_command
from django.db import OperationalError, connection, connections
from django.http import HttpRequest
from django_otp import oath
from django_otp.plugins.otp_email.models import EmailDevice
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from otp_twilio.models import TwilioSMSDevice
from otp_yubikey.models import YubikeyDevice

from allauth_2fa.answers import verify
from allauth_2fa.browsers import device_cookie
from allauth_2fa.devices import enrollment, sending
from allauth_2fa.devices.enrollment import Enrolled, FirstCode
from allauth_2fa.exceptions import CounterOff, DeviceRefused, EnrollmentEnded, NothingEnrolled, NotSent, Refused, Throttled, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.factors.email import EmailFactor
from allauth_2fa.models import Browser, SentCode
from allauth_2fa.state.session import SessionState
from allauth_2fa.state.store import ChallengeStore
from tests.concurrency.conftest import FAILURES, as_default, fail_before
from tests.concurrency.test_threads import ACCEPTED, at_once, judging, kinds
from tests.pager.models import Beeper, LoudPager, Pager

THREADS = 5

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory, django_db_blocker):
    """A database in a file, to be copied: to migrate one takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "migrated.sqlite3"
    if connection.vendor == "sqlite":
        with django_db_blocker.unblock(), as_default(str(path)):
            call_command("migrate", verbosity=0)
    return path


@pytest.fixture
def alice(tmp_path, migrated, transactional_db):
    """A person in a database that threads share: one in memory is locked for all of them at the least."""
    if connection.vendor != "sqlite":
        yield User.objects.create_user("alice")
        return
    with as_default(str(shutil.copy(migrated, tmp_path / "shared.sqlite3"))):
        yield User.objects.create_user("alice")


def test_one_code_and_one_pair_of_a_token_count_once(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token")
    first, second, third = (str(oath.hotp(token.bin_key, at, 6)).zfill(6) for at in (0, 41, 42))
    for answer in (first, second + third):
        HOTPDevice.objects.update(throttling_failure_count=0)
        outcomes = kinds(at_once(*(judging(token, answer) for _ in range(THREADS))))
        assert outcomes[ACCEPTED] == 1
        assert outcomes.keys() <= {ACCEPTED, CounterOff, DeviceRefused, Throttled}
    token.refresh_from_db()
    assert token.counter == 43


@pytest.mark.parametrize("model", [Pager, LoudPager])
def test_one_code_that_was_sent_counts_once_and_is_sent_once(alice, settings, model):
    settings.ALLAUTH_2FA_FACTORS = [model.model_label()]
    Pager.sent.clear()
    device = model.objects.create(user=alice, name="Pager")
    sendings = kinds(at_once(*(lambda: sending.send(None, alice, device.persistent_id, ChallengeStore({})) for _ in range(THREADS))))
    assert sendings == {model: 1, TooSoon: THREADS - 1}
    assert len(Pager.sent) == 1
    outcomes = kinds(at_once(*(judging(device, Pager.sent[0]) for _ in range(THREADS))))
    assert outcomes[ACCEPTED] == 1
    assert outcomes.keys() <= {ACCEPTED, DeviceRefused, Throttled}


def test_a_device_without_a_cooldown_is_sent_one_code(alice):
    Beeper.sent.clear()
    device = Beeper.objects.create(user=alice, name="Beeper")
    sendings = kinds(at_once(*(lambda: sending.send(None, alice, device.persistent_id, ChallengeStore({})) for _ in range(THREADS))))
    assert sendings == {Beeper: 1, TooSoon: THREADS - 1}
    assert len(Beeper.sent) == 1


def test_of_many_guesses_one_is_judged(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token", throttling_failure_count=5)
    wrong = str((oath.hotp(token.bin_key, 200, 6) + 1) % 1000000).zfill(6)
    assert not registry.factor_of(token).accepts(token, wrong)
    outcomes = kinds(at_once(*(judging(token, wrong) for _ in range(THREADS))))
    assert outcomes == {CounterOff: 1, Throttled: THREADS - 1}


# Codes that are sent to addresses and numbers


@pytest.fixture
def _nothing_is_counted(settings):
    """Each process forgets what the others have counted in its cache: that must not matter."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.fixture
def mailbox(alice, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", "sms", "email", "static"]
    EmailAddress.objects.create(user=alice, email="alice@example.com", verified=True)
    return EmailDevice.objects.create(user=alice, name="Mail", email="alice@example.com")


@pytest.fixture
def telephone(alice, gateway):
    return TwilioSMSDevice.objects.create(user=alice, name="Telephone", number="+447700900142")


@pytest.mark.usefixtures("_nothing_is_counted")
@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_one_code_is_sent_and_counts_once(alice, gateway, kind, request):
    device = request.getfixturevalue(kind)
    sendings = kinds(at_once(*(lambda: sending.send(None, alice, device.persistent_id, ChallengeStore({})) for _ in range(THREADS))))
    assert sendings == {type(device): 1, TooSoon: THREADS - 1}
    assert len(mail.outbox) + len(gateway.sent) == 1
    device.refresh_from_db()
    outcomes = kinds(at_once(*(judging(device, device.token) for _ in range(THREADS))))
    assert outcomes[ACCEPTED] == 1
    assert outcomes.keys() <= {ACCEPTED, DeviceRefused, Throttled}


@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_of_32_wrong_codes_one_is_judged(alice, kind, request):
    device = request.getfixturevalue(kind)
    sending.send(None, alice, device.persistent_id, ChallengeStore({}))
    device.refresh_from_db()
    fail_before(device)
    wrong = [code for code in map("{:06}".format, range(33)) if code != device.token][:32]
    outcomes = kinds(at_once(*(judging(device, code) for code in wrong)))
    assert outcomes == {DeviceRefused: 1, Throttled: 31}
    device.refresh_from_db()
    assert device.throttling_failure_count == FAILURES + 1


@pytest.mark.usefixtures("_nothing_is_counted")
@pytest.mark.parametrize("_round", range(3))
def test_numbers_that_are_begun_at_once_are_sent_one_message(alice, gateway, _round):
    factor = registry.by_id("sms")

    def adding(number):
        request = HttpRequest()
        request.session = SessionStore()

        def add():
            device = enrollment.begin_another(request, alice, factor, number=number)
            return sending.send_waiting(device, SessionState(request.session, alice))

        return add

    outcomes = kinds(at_once(*(adding(f"+1555555010{number}") for number in range(THREADS))))
    assert outcomes[TwilioSMSDevice] == 1
    assert outcomes.keys() <= {TwilioSMSDevice, TooSoon, NothingEnrolled}
    assert len(gateway.sent) == 1
    assert TwilioSMSDevice.objects.get().number == gateway.sent[0].number


@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_one_of_many_completions_confirms_the_device(alice, kind, request):
    device = request.getfixturevalue(kind)
    type(device).objects.update(confirmed=False)
    device.refresh_from_db()
    store = ChallengeStore({})
    sending.send_waiting(device, store)

    def completing():
        mine = type(device).objects.get(pk=device.pk)
        return lambda: enrollment.complete(mine, FirstCode(mine.token, store), only_as_first=True)

    assert kinds(at_once(*(completing() for _ in range(THREADS)))) == {Enrolled: 1, EnrollmentEnded: THREADS - 1}


# Each code for the login that has asked for it


def asked_for(alice, device):
    """Have a code sent for a login; return its place, and the code."""
    store = ChallengeStore({})
    Pager.objects.update(last_generated_timestamp=None)
    sending.send(None, alice, device.persistent_id, store)
    return store, Pager.sent[-1]


def answering(user, device, store, code):
    """Return a call that answers for a login, as an own request."""

    def answer():
        return verify.answer(user, code, device.persistent_id, store=copy.deepcopy(store))

    return answer


def test_the_codes_of_several_logins_are_all_taken_each_by_its_own(alice):
    Pager.sent.clear()
    device = Pager.objects.create(user=alice, name="Pager")
    logins = [asked_for(alice, device) for _ in range(THREADS)]
    assert kinds(at_once(*(answering(alice, device, store, code) for store, code in logins))) == {Pager: THREADS}
    assert SentCode.objects.filter(used_at=None).count() == 0


def test_the_code_of_one_login_is_taken_once(alice):
    Pager.sent.clear()
    device = Pager.objects.create(user=alice, name="Pager")
    store, code = asked_for(alice, device)
    other, unused = asked_for(alice, device)
    outcomes = kinds(at_once(*(answering(alice, device, store, code) for _ in range(THREADS))))
    assert outcomes[Pager] == 1
    assert outcomes.keys() <= {Pager, DeviceRefused, NotSent, Throttled}
    assert SentCode.objects.filter(used_at=None).count() == 1
    Pager.objects.update(throttling_failure_count=0)
    assert kinds(at_once(answering(alice, device, other, unused))) == {Pager: 1}


def test_a_wrong_code_of_one_login_is_checked_once_and_invalidates_no_others(alice):
    Pager.sent.clear()
    device = Pager.objects.create(user=alice, name="Pager", throttling_failure_count=5)
    store, _code = asked_for(alice, device)
    other, unused = asked_for(alice, device)
    assert kinds(at_once(*(answering(alice, device, store, "nothing") for _ in range(THREADS)))) == {
        DeviceRefused: 1,
        Throttled: THREADS - 1,
    }
    Pager.objects.update(throttling_failure_count=0)
    assert kinds(at_once(answering(alice, device, other, unused))) == {Pager: 1}


def test_a_known_browser_and_new_ones_are_sent_one_code_each(alice):
    Pager.sent.clear()
    device = Pager.objects.create(user=alice, name="Pager")
    value = "v" * 24
    Browser.objects.create(user=alice, digest=device_cookie.digest(value))

    def from_home():
        request = HttpRequest()
        request.COOKIES[device_cookie.COOKIE] = value
        return sending.send(request, alice, device.persistent_id, ChallengeStore({}))

    def from_elsewhere():
        return sending.send(None, alice, device.persistent_id, ChallengeStore({}))

    assert kinds(at_once(*([from_home] * THREADS), *([from_elsewhere] * THREADS))) == {Pager: 2, TooSoon: 2 * THREADS - 2}
    assert len(Pager.sent) == 2


def test_guesses_at_tokens_that_come_at_once_through_a_key_cost_one(alice):
    key, tokens = YubikeyDevice.objects.create(user=alice, name="Key"), StaticDevice.objects.create(user=alice)
    tokens.token_set.create(token="abcd2345")
    outcomes = kinds(at_once(*(answering(alice, key, {}, "zzzz2345") for _ in range(THREADS))))
    assert outcomes.keys() <= {DeviceRefused, Throttled}
    tokens.refresh_from_db()
    assert tokens.throttling_failure_count == 1


def used_elsewhere(user, code):
    """Return a call of django-otp's own, as its forms make it."""

    def use():
        # SQLite has no lock on a row: of two transactions that have read it, the later one cannot write.
        with suppress(OperationalError):
            return None if django_otp.match_token(user, code) else RuntimeError()  # noqa: TID251 - as its forms do
        return RuntimeError()

    return use


@pytest.mark.parametrize("_round", range(3))
@pytest.mark.parametrize("kind", ["mailbox", "telephone"])
def test_one_code_counts_once_for_a_login_and_the_forms_of_django_otp_together(alice, kind, request, _round):
    device = request.getfixturevalue(kind)
    store = ChallengeStore({})
    sending.send(None, alice, device.persistent_id, store)
    device.refresh_from_db()
    ours = [answering(alice, device, store, device.token) for _ in range(2)]
    theirs = [used_elsewhere(alice, device.token) for _ in range(2)]
    outcomes = kinds(at_once(*ours, *theirs))
    assert outcomes[ACCEPTED] + outcomes[type(device)] == 1, outcomes


# A user who is deleted meanwhile


def deleting_during(monkeypatch, target, name, user, *, is_waited_for):
    """Have the user deleted by another connection when that method is called; return where the outcome will be."""
    outcome, called = [], getattr(target, name)

    def delete():
        try:
            outcome.append(User.objects.get(pk=user.pk).delete())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=delete)

    def interrupted(*args, **facts):
        thread.start()
        # While the device's row is locked, the deletion waits in its turn.
        thread.join(None if is_waited_for else 0.5)
        return called(*args, **facts)

    monkeypatch.setattr(target, name, interrupted)
    return thread, outcome


@pytest.mark.parametrize(
    ("target", "name", "is_waited_for"),
    [
        (EmailDevice, "generate_token", False),
        (SentCode, "prune", True),
        (EmailFactor, "deliver", True),
    ],
)
def test_a_user_who_is_deleted_while_a_code_is_sent_leaves_nothing(alice, mailbox, monkeypatch, target, name, is_waited_for):
    thread, outcome = deleting_during(monkeypatch, target, name, alice, is_waited_for=is_waited_for)
    (sent,) = at_once(lambda: sending.send(None, alice, mailbox.persistent_id, ChallengeStore({})))
    thread.join()
    assert isinstance(outcome[0], tuple), outcome
    assert isinstance(sent, EmailDevice | Refused), sent
    assert not User.objects.exists()
    assert not SentCode.objects.exists()
    assert not EmailDevice.objects.exists()


def test_a_user_who_is_deleted_while_a_device_that_is_being_added_sends_its_code_leaves_nothing(alice, mailbox, monkeypatch):
    mailbox.confirmed = False
    mailbox.save()
    thread, outcome = deleting_during(monkeypatch, EmailDevice, "generate_token", alice, is_waited_for=False)
    (sent,) = at_once(lambda: sending.send_waiting(mailbox, ChallengeStore({})))
    thread.join()
    assert isinstance(outcome[0], tuple), outcome
    assert isinstance(sent, EmailDevice | Refused), sent
    assert not SentCode.objects.exists()
    assert not EmailDevice.objects.exists()


def test_a_user_who_is_deleted_before_a_failure_is_noted_gets_no_error_page(alice, telephone, gateway, monkeypatch):
    gateway.is_broken = True
    thread, outcome = deleting_during(monkeypatch, SentCode, "note", alice, is_waited_for=True)
    (sent,) = at_once(lambda: sending.send(None, alice, telephone.persistent_id, ChallengeStore({})))
    thread.join()
    assert isinstance(outcome[0], tuple), outcome
    assert isinstance(sent, Refused), sent
    assert not SentCode.objects.exists()
