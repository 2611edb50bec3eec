"""Attack the devices of other plugins from several threads at the same moment."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from otp_twilio.models import TwilioSMSDevice

from allauth_2fa.exceptions import CounterOff, DeviceRefused, Throttled, TooSoon
from allauth_2fa.factors import registry
from allauth_2fa.flows import sending
from tests.concurrency.conftest import as_default
from tests.concurrency.test_threads import ACCEPTED, at_once, judging, kinds
from tests.pager.models import LoudPager, Pager

THREADS = 5

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice(tmp_path, transactional_db):
    """A person in a database that threads share: one in memory is locked for all of them at the least."""
    if connection.vendor != "sqlite":
        yield User.objects.create_user("alice")
        return
    with as_default(str(tmp_path / "shared.sqlite3")):
        call_command("migrate", verbosity=0)
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
    sendings = kinds(at_once(*(lambda: sending.send(alice, device.persistent_id, {}) for _ in range(THREADS))))
    assert sendings == {model: 1, TooSoon: THREADS - 1}
    assert len(Pager.sent) == 1
    outcomes = kinds(at_once(*(judging(device, Pager.sent[0]) for _ in range(THREADS))))
    assert outcomes[ACCEPTED] == 1
    assert outcomes.keys() <= {ACCEPTED, DeviceRefused, Throttled}


def test_a_telephone_without_a_cooldown_is_sent_one_message(alice, settings, monkeypatch):
    sent = []
    monkeypatch.setattr(TwilioSMSDevice, "generate_challenge", lambda self: sent.append(self.generate_token()))
    device = TwilioSMSDevice.objects.create(user=alice, name="Phone", number="+15551234")
    sendings = kinds(at_once(*(lambda: sending.send(alice, device.persistent_id, {}) for _ in range(THREADS))))
    assert sendings == {TwilioSMSDevice: 1, TooSoon: THREADS - 1}
    assert len(sent) == 1


def test_of_many_guesses_one_is_judged(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token", throttling_failure_count=5)
    wrong = str((oath.hotp(token.bin_key, 200, 6) + 1) % 1000000).zfill(6)
    assert not registry.factor_of(token).accepts(token, wrong)
    outcomes = kinds(at_once(*(judging(token, wrong) for _ in range(THREADS))))
    assert outcomes == {CounterOff: 1, Throttled: THREADS - 1}
