"""What the tests in several processes need."""

from tests.concurrency.conftest import database, database_name, half_finished, site

__all__ = ["database", "database_name", "half_finished", "site"]
