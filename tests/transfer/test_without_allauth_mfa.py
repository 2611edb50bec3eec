"""``allauth_2fa_migrate`` on a site without ``allauth.mfa``."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.django_db
def test_the_command_says_what_is_missing():
    with pytest.raises(CommandError, match=r"allauth\.mfa is not installed\. Add \"allauth\.mfa\" to INSTALLED_APPS, run migrate"):
        call_command("allauth_2fa_migrate")
