"""Make the demo's database ready: `python demo/manage.py prepare_demo`."""

from django.conf import settings
from django.contrib.sites.models import Site
from django.core.management import BaseCommand, call_command

from demosite.accounts import ACCOUNTS, ensure


class Command(BaseCommand):
    """Create the tables and the demo accounts; safe to run again."""

    help = "Create the demo's tables and accounts. Run again to restore the accounts."

    def handle(self, *_args: object, **_options: object) -> None:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0)
        Site.objects.update_or_create(
            pk=settings.SITE_ID,
            defaults={"domain": "localhost:8000", "name": "Two-factor demo"},
        )
        Site.objects.clear_cache()
        for account in ACCOUNTS:
            ensure(account)
        self.stdout.write(f"The demo is ready, with {len(ACCOUNTS)} accounts.")
