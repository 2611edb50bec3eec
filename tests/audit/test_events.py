"""One mouth for everything that happens."""

from __future__ import annotations

import logging

import pytest
from django.db import transaction

from allauth_2fa.audit import events
from allauth_2fa.signals import two_factor_event


@pytest.fixture
def heard():
    told = []

    def listen(**facts):
        told.append(facts)

    two_factor_event.connect(listen)
    yield told
    two_factor_event.disconnect(listen)


@pytest.mark.django_db(transaction=True)
def test_an_event_is_told_once_it_is_committed(heard, caplog, alice, phone):
    with caplog.at_level(logging.INFO, "allauth_2fa.events"), transaction.atomic():
        events.announce("device_added", alice, device=phone, factor="totp")
        assert heard == []
    (told,) = heard
    assert (told["event"], told["user"], told["actor"], told["device"]) == ("device_added", alice, alice, phone.name)
    assert told["facts"] == {"factor": "totp"}
    assert [record.getMessage() for record in caplog.records] == [f"device_added user={alice.pk} actor={alice.pk}"]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_told_of_what_was_rolled_back(heard, alice):
    with transaction.atomic():
        events.announce("two_factor_off", alice)
        transaction.set_rollback(True)
    assert heard == []


@pytest.mark.django_db
def test_an_event_takes_the_facts_of_its_row_alone(alice):
    with pytest.raises(TypeError, match="takes no code"):
        events.announce("two_factor_off", alice, code="123456")
    with pytest.raises(KeyError):
        events.announce("nonsense", alice)


@pytest.mark.django_db(transaction=True)
def test_a_long_fact_is_cut_and_a_device_without_a_name_is_called_by_its_kind(heard, alice, phone):
    phone.name = ""
    events.announce("reset_by_support", alice, device=phone, reason="x" * 1000)
    assert heard[0]["facts"] == {"reason": "x" * 200}
    assert heard[0]["device"] == "TOTP device"
