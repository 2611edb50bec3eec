"""User models as projects have them."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class PeopleManager(BaseUserManager[Any]):
    """Makes people by what they are called."""

    def create_user(self, password: str | None = None, **facts: Any) -> Any:
        person = self.model(**facts)
        person.set_password(password)
        person.save()
        return person


class Base(AbstractBaseUser):
    """A user with a UUID for a key, and without the tables of Django's permissions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = PeopleManager()

    class Meta:
        abstract = True

    def has_perm(self, _perm: str, _obj: object = None) -> bool:
        return self.is_staff

    def has_module_perms(self, _app_label: str) -> bool:
        return self.is_staff


class Person(Base):
    """A user with nothing but an e-mail address."""

    USERNAME_FIELD = "email"


class Member(Base):
    """A user with a name, and without a record of the last login."""

    USERNAME_FIELD = "username"

    last_login = None

    username = models.CharField(max_length=150, unique=True)
