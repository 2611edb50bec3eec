"""The first steps on a site that was installed as the README says, or as that of 0.x said. Its test runs this file in that site."""

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
        self.user = get_user_model().objects.create_superuser("alice", "alice@example.com", PASSWORD)

    def sign_in(self, page="/accounts/login/"):
        return self.client.post(page, {"login": "alice", "username": "alice", "password": PASSWORD})

    def code(self):
        """Return the code that comes next: the one of now has confirmed the device, and counts once."""
        device = TOTPDevice.objects.get()
        totp = oath.TOTP(device.bin_key, device.step, device.t0, device.digits)
        totp.time = time.time() + device.step * device.confirmed
        return str(totp.token()).zfill(device.digits)

    def set_up(self):
        self.sign_in()
        self.client.get(reverse("two-factor-setup"))
        self.client.post(reverse("two-factor-setup"), {"otp_token": self.code()})
        assert TOTPDevice.objects.get().confirmed
        self.client.post(reverse("account_logout"))

    def is_somebody(self):
        """Return whether views see a user; the page of changing the password is for users alone."""
        return self.client.get(reverse("account_change_password")).status_code == 200

    def test_a_user_without_a_factor_signs_in_and_sets_one_up(self):
        self.sign_in()
        assert self.is_somebody()
        self.assertContains(self.client.get(reverse("two-factor-setup")), "otpauth://")

    def test_a_user_with_a_factor_is_asked_for_it(self):
        self.set_up()
        self.assertRedirects(self.sign_in(), reverse("two-factor-authenticate"), fetch_redirect_response=False)
        assert "_auth_user_id" not in self.client.session
        response = self.client.post(reverse("two-factor-authenticate"), {"otp_token": self.code()})
        assert response.status_code == 302
        assert self.is_somebody()
        assert self.client.session["otp_device_id"] == TOTPDevice.objects.get().persistent_id

    def test_a_wrong_code_opens_nothing(self):
        self.set_up()
        self.sign_in()
        self.client.post(reverse("two-factor-authenticate"), {"otp_token": "000000" if self.code() != "000000" else "111111"})
        assert "_auth_user_id" not in self.client.session

    def test_no_other_login_gets_past_it(self):
        self.set_up()
        self.client.force_login(self.user)
        assert not self.is_somebody()
        self.client.get("/accounts/logout/")
        self.sign_in("/admin/login/?next=/admin/")
        assert not self.is_somebody()
        assert self.client.get("/admin/").status_code == 302

    def test_the_admin_opens_after_the_code(self):
        self.set_up()
        self.sign_in("/accounts/login/?next=/admin/")
        response = self.client.post(reverse("two-factor-authenticate") + "?next=/admin/", {"otp_token": self.code()}, follow=True)
        self.assertContains(response, "Site administration")
