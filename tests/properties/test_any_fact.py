"""Any text at all, as a fact, a name, a user agent: what is kept is one line, short, and under a name of the table."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allauth_2fa.audit import events, log, notices
from allauth_2fa.models.audit import AuditEntry

pytestmark = pytest.mark.django_db

SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
texts = st.text(max_size=300)
values = st.one_of(texts, st.integers(), st.booleans(), st.none(), st.dates(), st.binary(max_size=50))


def is_one_short_line(text: str) -> bool:
    return len(text) <= 200 and not any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in text)


@settings(max_examples=150, **SHARED)
@given(
    data=st.data(), name=st.sampled_from(sorted(events.EVENTS)), device=texts, agent=st.text(st.characters(codec="latin-1"), max_size=300)
)
def test_what_is_kept_of_an_event_is_short_and_on_one_line(alice, phone, data, name, device, agent):
    facts = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(events.EVENTS[name].facts), values)))
    alice.username = phone.name = device
    events.announce(name, alice, request=RequestFactory().get("/", HTTP_USER_AGENT=agent), device=phone, **facts)
    row = AuditEntry.objects.latest("pk")
    assert set(row.facts) == set(facts) <= events.EVENTS[name].facts
    kept = [row.user_label, row.actor_label, row.device, row.user_agent, *row.facts.values()]
    assert all(isinstance(text, str) and is_one_short_line(text) for text in kept)


@settings(max_examples=100, **SHARED)
@given(name=st.sampled_from(sorted(events.EVENTS)), fact=st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_a_fact_that_the_table_does_not_name_is_refused(alice, name, fact):
    if fact in {*events.EVENTS[name].facts, "request", "actor", "device", "name", "user"}:
        return
    with pytest.raises(TypeError):
        events.announce(name, alice, **{fact: "secret"})
    assert not AuditEntry.objects.exists()


def test_no_fact_of_the_table_is_called_like_a_secret():
    named = {fact for event in events.EVENTS.values() for fact in event.facts}
    assert not [fact for fact in named if any(word in fact for word in ("code", "secret", "key", "token", "cookie", "password", "answer"))]


@settings(max_examples=150, **SHARED)
@given(texts.map(log.clean))
def test_a_cell_is_read_back_as_it_was_and_never_computed(text):
    row = dict.fromkeys(log.COLUMNS, text) | {"facts": {"was": text}}
    _head, line = log.as_csv(iter([row]))
    (cells,) = csv.reader(io.StringIO(line, newline=""))
    for cell in cells[:-1]:
        assert cell in {text, f"'{text}"}
        assert not cell.startswith(tuple("=+-@"))
    assert json.loads(cells[-1]) == {"was": text}


@settings(max_examples=150, **SHARED)
@given(texts)
def test_no_name_makes_a_link_or_a_line(text):
    shown = notices.harmless(log.clean(text))
    assert not set(shown) & set('./:@<>\r\n"#?=')
