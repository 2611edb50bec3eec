"""Adapters of ``allauth.mfa``, as a project might have them."""

from __future__ import annotations

from threading import Thread
from typing import ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import connection


class EncryptingAdapter(DefaultMFAAdapter):
    """Stores secrets backwards: enough to see whether it was asked."""

    def encrypt(self, text: str) -> str:
        return "sealed:" + text[::-1]

    def decrypt(self, encrypted_text: str) -> str:
        return encrypted_text.removeprefix("sealed:")[::-1]


class BusyAdapter(DefaultMFAAdapter):
    """Lets everybody enroll in ``allauth.mfa`` at the worst moment: when the transfer has looked and not yet written."""

    enrolled: ClassVar[list[str]] = []

    def encrypt(self, text: str) -> str:
        if not self.enrolled:
            self.enrolled.append(text)
            thread = Thread(target=self.enroll_everybody)
            thread.start()
            thread.join()
        return text

    def enroll_everybody(self) -> None:
        for user in User.objects.all():
            Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "their own"})
        # Django's own close() spares a database in memory, which the other threads still keep open.
        connection.connection.close()
