"""The steps of the tutorial, taken in the site that it builds. Its test runs this file there, as a test of the site's."""

from __future__ import annotations

import time

from django.contrib.auth import get_user_model
from django.test import TestCase
from django.urls import reverse
from django_otp import oath
from django_otp.plugins.otp_totp.models import TOTPDevice

PASSWORD = "correct horse battery staple"


class Walk(TestCase):
    def setUp(self):
        get_user_model().objects.create_superuser("alice", "alice@example.com", PASSWORD)

    def sign_in(self):
        return self.client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD}, follow=True)

    def code(self):
        """Return the code that comes next: the one of now has confirmed the device, and counts once."""
        device = TOTPDevice.objects.get()
        totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = time.time() + device.step * device.confirmed
        return str(totp.token()).zfill(device.digits)

    def set_up(self):
        self.client.get(reverse("two-factor-setup"))
        response = self.client.post(reverse("two-factor-setup"), {"otp_token": self.code()}, follow=True)
        return [code.token for code in response.context["backup_tokens"]]

    def test_the_steps(self):
        self.assertContains(self.sign_in(), "You signed in with a password.")
        codes = self.set_up()
        assert len(codes) == 10
        for answer in (self.code(), codes[0]):
            self.client.post(reverse("account_logout"))
            self.assertContains(self.sign_in(), "You are signing in as")
            response = self.client.post(reverse("two-factor-authenticate"), {"otp_token": answer}, follow=True)
            self.assertContains(response, "You signed in with a password and a code.")
        self.assertContains(self.client.get(reverse("vault")), "The vault")
        self.assertContains(self.client.get(reverse("admin:index")), "Site administration")

    def test_the_admin_stays_closed_to_a_password_alone(self):
        self.sign_in()
        response = self.client.get(reverse("admin:index"), follow=True)
        self.assertContains(response, "Set up two-factor authentication", status_code=403)

    def test_the_app_shows_the_name_of_the_site(self):
        self.sign_in()
        self.assertContains(self.client.get(reverse("two-factor-setup")), "issuer=example.com")
