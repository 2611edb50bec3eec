"""The migrations are complete, whatever the project's default key is."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("auto_field", ["django.db.models.BigAutoField", "django.db.models.AutoField"])
def test_no_migration_is_missing(settings, auto_field):
    settings.DEFAULT_AUTO_FIELD = auto_field
    call_command("makemigrations", "allauth_2fa", check=True, dry_run=True, verbosity=0)


def test_no_migration_of_another_app_is_caused():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_migrations_can_be_undone_and_done_again():
    nodes = [name for app, name in MigrationLoader(connection).graph.nodes if app == "allauth_2fa"]
    assert min(nodes).startswith("0001")
    for name in nodes:
        migration = MigrationLoader(connection).get_migration("allauth_2fa", name)
        assert all(operation.reversible for operation in migration.operations)
