"""The mails of this package: notices to the owners of accounts, and codes. One method of the adapter sends them all.

A site hands them to a queue in its adapter's ``send_two_factor_mail``: :meth:`Mail.rendered` gives plain values, which a task
turns back into a mail with :func:`send`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from allauth.account.adapter import get_adapter
from allauth.core import context as current
from django.contrib.sites.shortcuts import get_current_site
from django.core.mail import EmailMultiAlternatives

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mail(NamedTuple):
    """One mail, not rendered yet."""

    template_prefix: str
    """The names of its templates without their ends, as allauth has it."""
    address: str
    """Where it goes."""
    context: dict[str, Any]
    """What its templates are given."""
    has_code: bool = False
    """Whether it contains a code that someone waits for. Such a mail is a secret for as long as the code is valid."""

    def rendered(self) -> dict[str, Any]:
        """Return the mail as plain values, which JSON can hold, for :func:`send`.

        The adapter renders it now, while the language, the time zone and the host of the request are known.

        Raises:
            ValueError: the adapter has added an attachment.
        """
        request = current.request
        context = {"request": request, "email": self.address, "current_site": get_current_site(request), **self.context}
        message = get_adapter().render_mail(self.template_prefix, self.address, context)
        if message.attachments:
            error = "A mail with attachments cannot be turned into plain values."
            raise ValueError(error)
        return {
            "subject": str(message.subject),
            "body": str(message.body),
            "subtype": message.content_subtype,
            "from_email": str(message.from_email),
            "to": list(message.to),
            "headers": {name: str(value) for name, value in message.extra_headers.items()},
            "alternatives": [[str(text), kind] for text, kind in getattr(message, "alternatives", [])],
        }


def send(rendered: Mapping[str, Any]) -> None:
    """Send a mail that :meth:`Mail.rendered` has returned, with Django's mail backend. A task of a queue calls it.

    Args:
        rendered: the plain values, as they came out of the queue.
    """
    facts = dict(rendered)
    subtype, alternatives = facts.pop("subtype"), facts.pop("alternatives")
    message = EmailMultiAlternatives(**facts)
    message.content_subtype = subtype
    for text, kind in alternatives:
        message.attach_alternative(text, kind)
    message.send()


def deliver(mail: Mail) -> None:
    """Have the project's adapter send the mail, or hand it to the project's queue. It may raise any exception."""
    adapter = get_adapter()
    getattr(adapter, "send_two_factor_mail", lambda it: adapter.send_mail(it.template_prefix, it.address, it.context))(mail)
