"""Write down where the codes of e-mail devices go that had no address of their own.

Until now such a device followed the primary address of its user, so that whoever moved that got the codes.
"""

from typing import Any

from allauth.account import app_settings as account_settings
from django.db import migrations, router
from django.db.models import OuterRef, Q, Subquery

BATCH = 500
"""Rows that are written at a time: old builds of SQLite take 999 values in one query."""

BLANK = Q(email=None) | Q(email="")


def pin(apps: Any, schema_editor: Any) -> None:
    """Give each device without an address that of its user, which it has been sending to."""
    alias, field = schema_editor.connection.alias, account_settings.USER_MODEL_EMAIL_FIELD
    model = find(apps, alias)
    if model is None or not field:
        return
    devices = model._base_manager.using(alias).order_by()
    users = model._meta.get_field("user").related_model._base_manager.using(alias)
    address = Subquery(users.filter(pk=OuterRef("user_id")).values(field)[:1])
    known = devices.filter(BLANK).exclude(**{f"user__{field}": ""}).exclude(**{f"user__{field}": None})
    last = 0
    while keys := list(known.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        devices.filter(BLANK, pk__in=keys).update(email=address)
        last = keys[-1]


def find(apps: Any, alias: str) -> Any:
    """Return the model of e-mail devices, None where it is not installed, or its tables are elsewhere or made later."""
    try:
        model = apps.get_model("otp_email", "EmailDevice")
    except LookupError:
        return None
    has_field = any(field.name == "email" for field in model._meta.get_fields())
    return model if has_field and router.allow_migrate_model(alias, model) else None


class Migration(migrations.Migration):
    dependencies = [
        ("allauth_2fa", "0009_locks"),
    ]

    operations = [
        # Taken back, the addresses stay: they are those that the devices had.
        migrations.RunPython(pin, migrations.RunPython.noop, elidable=True),
    ]
