"""What the page promises of its carrier pigeons. Its test runs this file in the project that it builds, as a test of the app's."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client, TestCase
from django.urls import reverse
from loft.factors import sky
from loft.models import Pigeon

PASSWORD = "correct horse battery staple"


class Flight(TestCase):
    def setUp(self):
        get_user_model().objects.create_user("alice", "alice@example.com", PASSWORD)
        sky.clear()
        cache.clear()

    def sign_in(self, client=None):
        return (client or self.client).post(reverse("account_login"), {"login": "alice", "password": PASSWORD}, follow=True)

    def add(self):
        page = reverse("two-factor-add", args=["pigeon"])
        self.sign_in()
        self.assertContains(self.client.get(reverse("two-factor-overview")), "Carrier pigeon")
        self.assertContains(self.client.get(page), "The name on its door.")
        response = self.client.post(page, {"action": "begin", "loft": "Westminster"})
        self.assertContains(response, "W•••")
        loft, code = sky.pop()
        assert loft == "Westminster"
        response = self.client.post(page, {"otp_token": code, "name": "Grey one"}, follow=True)
        assert len(response.context["backup_tokens"]) == 10
        # The first pigeon has had its rest.
        Pigeon.objects.update(last_generated_timestamp=None)
        self.client.logout()

    def answer(self, code, client=None):
        return (client or self.client).post(reverse("two-factor-authenticate"), {"otp_token": code}, follow=True)

    def test_a_pigeon_is_added_and_opens_the_next_login(self):
        self.add()
        self.assertContains(self.sign_in(), "Enter the code we sent to")
        self.answer(sky[0][1])
        assert self.client.session["otp_device_id"] == Pigeon.objects.get().persistent_id

    def test_the_pages_call_it_weaker_and_hide_the_loft(self):
        self.add()
        page = self.sign_in()
        self.assertContains(page, "Weaker")
        self.assertNotContains(page, "Westminster")
        self.assertContains(page, "Next code:")

    def test_a_code_counts_for_its_login_alone_and_once(self):
        self.add()
        self.sign_in()
        thief = Client()
        self.sign_in(thief)
        assert len(sky) == 1
        self.assertContains(self.answer(sky[0][1], thief), "That code has expired.")
        self.answer(sky[0][1])
        again = Client()
        self.sign_in(again)
        self.answer(sky[0][1], again)
        assert "_auth_user_id" not in again.session

    def test_a_wrong_code_costs_time(self):
        self.add()
        self.sign_in()
        right = sky[0][1]
        self.assertContains(self.answer("000000" if right != "000000" else "111111"), "That code is not right.")
        self.assertContains(self.answer(right), "Too many tries.")

    def test_what_is_no_loft_is_refused_at_its_field(self):
        self.sign_in()
        response = self.client.post(reverse("two-factor-add", args=["pigeon"]), {"action": "begin", "loft": "221b"})
        self.assertContains(response, "No pigeon flies there.")
        assert sky == []
