"""The recipes of the page about mails in a queue: each of the queues turns what it gets into what travels, and sends it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys

import pytest
from django.core import mail

from allauth_2fa import mails
from tests.cast import give_answer, give_password, wrong_code_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def celery(shop, settings, monkeypatch):
    """Celery in this process, which packs the arguments for a broker and unpacks them; and what it has packed."""
    celery = pytest.importorskip("celery", reason="Celery is not installed")
    serialization = importlib.import_module("kombu.serialization")
    app = celery.Celery("shop", broker="memory://", set_as_current=True)
    app.conf.update(task_always_eager=True, task_eager_propagates=True)
    settings.ACCOUNT_ADAPTER = "shop.celery_adapter.Adapter"
    packed = []

    def dumps(*given, **named):
        packed.append(serialization.registry.dumps(*given, **named))
        return packed[-1]

    monkeypatch.setattr(serialization, "dumps", dumps)
    return packed


@pytest.fixture
def tasks(shop, settings, monkeypatch):
    """Django's tasks, or the package that they were made from where Django has none; and what waits in the queue."""
    name = "django.tasks" if importlib.util.find_spec("django.tasks") else "django_tasks"
    monkeypatch.setitem(sys.modules, "django.tasks", importlib.import_module(name))
    settings.TASKS = {"default": {"BACKEND": f"{name}.backends.dummy.DummyBackend"}}
    settings.ACCOUNT_ADAPTER = "shop.tasks_adapter.Adapter"
    handler = type(sys.modules[name].task_backends)()
    monkeypatch.setattr(sys.modules[f"{name}.base"], "task_backends", handler, raising=False)
    monkeypatch.setattr(sys.modules[name], "task_backends", handler)
    return handler["default"].results


def test_celery_sends_notices(client, alice, phone, celery):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    (message,) = mail.outbox
    assert message.to == ["alice@example.com"]
    assert "Two-factor authentication failed" in message.body
    assert message.alternatives[0][1] == "text/html"
    ((kind, _encoding, packed),) = celery
    assert kind == "application/json"
    assert json.loads(packed)[0][0]["to"] == ["alice@example.com"]


def test_djangos_tasks_send_notices(client, alice, phone, tasks):
    give_password(client, alice)
    give_answer(client, wrong_code_of(phone))
    assert mail.outbox == []
    (queued,) = tasks
    queued.task.func(*json.loads(json.dumps(queued.args)), **queued.kwargs)
    (message,) = mail.outbox
    assert message.to == ["alice@example.com"]
    assert "Two-factor authentication failed" in message.body
    assert message.alternatives[0][1] == "text/html"


@pytest.mark.parametrize("queue", ["celery", "tasks"])
def test_codes_go_past_the_queue(alice, queue, request):
    waiting = request.getfixturevalue(queue)
    context = {"code": "123 456", "minutes": 10, "purpose": "login", "user": alice}
    mails.deliver(mails.Mail("allauth_2fa/email/code", "alice@example.com", context, has_code=True))
    assert "123 456" in mail.outbox[0].body
    assert not waiting
