"""Where each guide leads. Its test types the guide's blocks into a site, and runs the class of that guide there."""

from __future__ import annotations

import importlib
import time

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.test import TestCase
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "correct horse battery staple"


class Guide(TestCase):
    names = {"username": "alice", "email": "alice@example.com"}
    login = "alice"

    def setUp(self):
        self.user = get_user_model().objects.create_superuser(password=PASSWORD, **self.names)
        self.sign_in()

    def sign_in(self):
        return self.client.post(reverse("account_login"), {"login": self.login, "password": PASSWORD}, follow=True)

    def answer(self, code):
        return self.client.post(reverse("two-factor-authenticate"), {"otp_token": code}, follow=True)

    def set_up_an_app(self):
        self.client.get(reverse("two-factor-setup"))
        self.client.post(reverse("two-factor-setup"), {"otp_token": self.code_of_the_app()})
        return TOTPDevice.objects.get(confirmed=True)

    def code_of_the_app(self):
        """Return the code that comes next: the one of now has confirmed the device, and counts once."""
        device = TOTPDevice.objects.get()
        totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = time.time() + device.step * device.confirmed
        return str(totp.token()).zfill(device.digits)

    def page(self, name, *args):
        return self.client.get(reverse(name, args=args))

    def assert_verified(self):
        assert "otp_device_id" in self.client.session


class Passkeys(Guide):
    def test_the_overview_offers_one_and_the_page_asks_the_browser_for_the_domain(self):
        self.assertContains(self.page("two-factor-overview"), reverse("two-factor-add-passkey"))
        scripts = {"Accept": "application/json", "X-Requested-With": "XMLHttpRequest"}
        asked = self.client.post(reverse("two-factor-add-passkey"), {"action": "passkey"}, headers=scripts)
        assert asked.json()["rp"] == {"id": "example.com", "name": "Example"}


class Sms(Guide):
    def test_the_overview_offers_it_and_the_page_asks_for_a_number(self):
        self.assertContains(self.page("two-factor-overview"), reverse("two-factor-add", args=["sms"]))
        self.assertContains(self.page("two-factor-add", "sms"), 'name="number"')


class Email(Guide):
    def test_a_code_is_mailed_and_opens_the_login(self):
        self.user.emailaddress_set.create(email=self.user.email, verified=True, primary=True)
        device = apps.get_model("otp_email", "EmailDevice").objects.create(user=self.user, email=self.user.email, name="Mail")
        self.client.post(reverse("account_logout"))
        mail.outbox.clear()
        self.sign_in()
        (message,) = mail.outbox
        code = next(line.strip() for line in message.body.splitlines() if line.strip().replace(" ", "").isdigit())
        self.answer(code)
        self.assert_verified()
        assert self.client.session["otp_device_id"] == device.persistent_id


class Tokens(Guide):
    def test_a_token_that_was_handed_out_opens_the_login(self):
        hand_out = importlib.import_module("mysite.tokens").hand_out
        secret = "3132333435363738393031323334353637383930"
        hand_out(self.user, secret)
        self.client.post(reverse("account_logout"))
        self.sign_in()
        self.answer(f"{oath.hotp(bytes.fromhex(secret), 0):06}")
        self.assert_verified()


class Yubikeys(Guide):
    def test_users_can_add_a_key_once_there_is_a_service(self):
        page = reverse("two-factor-add", args=["yubikey"])
        self.assertNotContains(self.page("two-factor-overview"), page)
        service = apps.get_model("otp_yubikey", "ValidationService")
        service.objects.create(name="Yubico", api_id=1, param_sl="", param_timeout="")
        self.assertContains(self.page("two-factor-overview"), page)


class Secrets(Guide):
    def test_the_column_holds_no_secret(self):
        device = self.set_up_an_app()
        with connection.cursor() as cursor:
            cursor.execute("SELECT key FROM otp_totp_totpdevice")
            (stored,) = cursor.fetchone()
        assert device.key not in stored
        self.client.post(reverse("account_logout"))
        self.sign_in()
        self.answer(self.code_of_the_app())
        self.assert_verified()


class CustomUser(Guide):
    names = {"email": "alice@example.com"}
    login = "alice@example.com"

    def test_the_app_shows_the_address_and_its_code_opens_the_login(self):
        assert len(str(self.user.pk)) == 36
        self.assertContains(self.page("two-factor-setup"), "alice%40example.com")
        self.set_up_an_app()
        self.client.post(reverse("account_logout"))
        self.sign_in()
        self.answer(self.code_of_the_app())
        self.assert_verified()


class SeveralSites(Guide):
    def sign_in(self):
        """The host of the other tests has no site."""

    def test_apps_show_the_name_of_the_host(self):
        for name in ("shop", "office"):
            apps.get_model("sites", "Site").objects.create(domain=f"{name}.example.com", name=f"The {name}")
            client = self.client_class(headers={"host": f"{name}.example.com"})
            client.post(reverse("account_login"), {"login": self.login, "password": PASSWORD})
            self.assertContains(client.get(reverse("two-factor-setup")), f"issuer=The%20{name}")
