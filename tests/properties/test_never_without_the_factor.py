"""Whatever happens in whatever order: no session shows a user who has a factor and has not answered in that session."""

from __future__ import annotations

import time
from collections import defaultdict

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from allauth_2fa.factors import registry
from tests.cast import PASSWORD, code_of, wrong_code_of

NOON = 1_750_000_005
SCRIPT = {"Sec-Fetch-Dest": "empty"}
NAMES = ["alice", "bob"]

browsers = st.integers(0, 2)
names = st.sampled_from(NAMES)
headers = st.sampled_from([{}, SCRIPT])


class Site(RuleBasedStateMachine):
    """Two people, three browsers, and somebody who tampers with the database."""

    @initialize()
    def people_arrive(self):
        User.objects.all().delete()
        self.clock = time_machine.travel(NOON, tick=False)
        self.now = self.clock.start()
        self.clients = [Client() for _browser in range(3)]
        self.passwords = dict.fromkeys(NAMES, PASSWORD)
        for name in NAMES:
            User.objects.create_user(name, f"{name}@example.com", PASSWORD)
        TOTPDevice.objects.create(user=self.user("alice"))
        # Who has proved something in which session, by the key of the session: the model that the site is compared with.
        self.proved = defaultdict(set)
        self.used = set()
        self.codes = defaultdict(list)

    def teardown(self):
        if hasattr(self, "clock"):
            self.clock.stop()

    def user(self, name):
        return User.objects.get(username=name)

    def session_of(self, browser):
        return self.clients[browser].session.session_key

    def device_of(self, name):
        return TOTPDevice.objects.filter(user__username=name, confirmed=True).order_by("pk").first()

    def follow(self, browser, act):
        """Do something in a browser, and take along what its session had proved when its key changes."""
        before = self.session_of(browser)
        response = act(self.clients[browser])
        after = self.session_of(browser)
        if after != before:
            self.proved[after] |= self.proved[before]
        self.forget(browser)
        return response

    def forget(self, browser):
        """Let a session in which nobody is logged in have proved nothing."""
        if "_auth_user_id" not in self.clients[browser].session:
            self.proved[self.session_of(browser)] = set()

    # Logging in and out

    @rule(browser=browsers, name=names, how=headers)
    def give_password(self, browser, name, how):
        fields = {"login": name, "password": self.passwords[name]}
        self.follow(browser, lambda client: client.post(reverse("account_login"), fields, headers=how))

    @rule(browser=browsers, name=names, how=headers, login_view=st.sampled_from(["/logins/custom/", "/logins/django/", "/logins/saved/"]))
    def use_another_login_view(self, browser, name, how, login_view):
        fields = {"username": name, "password": self.passwords[name]}
        self.follow(browser, lambda client: client.post(login_view, fields, headers=how))
        self.proved[self.session_of(browser)] = set()

    @rule(browser=browsers, name=names)
    def force_a_login(self, browser, name):
        self.clients[browser].force_login(self.user(name), "django.contrib.auth.backends.ModelBackend")
        self.proved[self.session_of(browser)] = set()

    @rule(browser=browsers, name=names, offset=st.sampled_from([-1, 0, 0, 0, 1, 9]))
    def answer(self, browser, name, offset):
        """Give a code of anybody's app at the challenge."""
        device = self.device_of(name)
        if device is not None:
            self.give(browser, name, code_of(device, offset), (device.pk, self.step(offset)), valid=abs(offset) <= 1)

    @rule(browser=browsers, name=names)
    def answer_by_a_recovery_code(self, browser, name):
        if self.codes[name]:
            code = self.codes[name][-1]
            self.give(browser, name, code, code, valid=True)

    def give(self, browser, name, answer, mark, *, valid):
        asked = self.clients[browser].session.get("allauth_2fa_user_id")
        fits = valid and mark not in self.used and asked == str(self.user(name).pk)
        response = self.follow(browser, lambda client: client.post(reverse("two-factor-authenticate"), {"otp_token": answer}))
        if fits and response.status_code == 302 and "_auth_user_id" in self.clients[browser].session:
            self.used.add(mark)
            self.proved[self.session_of(browser)].add(name)

    def step(self, offset):
        return int(time.time()) // 30 + offset

    @rule(browser=browsers, name=names)
    def answer_wrong(self, browser, name):
        device = self.device_of(name)
        answer = wrong_code_of(device) if device else "000000"
        self.follow(browser, lambda client: client.post(reverse("two-factor-authenticate"), {"otp_token": answer}))

    @rule(browser=browsers)
    def log_out(self, browser):
        self.clients[browser].post(reverse("account_logout"))

    # What people do inside

    @rule(browser=browsers)
    def enroll(self, browser):
        client = self.clients[browser]
        page = client.get(reverse("two-factor-setup"))
        if page.status_code != 200:
            return
        name = page.wsgi_request.user.get_username()
        device = TOTPDevice.objects.get(user__username=name, confirmed=False)
        response = self.follow(browser, lambda client: client.post(reverse("two-factor-setup"), {"otp_token": code_of(device)}))
        if response.status_code == 302:
            self.used.add((device.pk, self.step(0)))
            self.proved[self.session_of(browser)].add(name)
            self.codes[name] = [item.token for item in client.get(reverse("two-factor-backup-tokens")).context["backup_tokens"]]

    @rule(browser=browsers, name=names)
    def remove(self, browser, name):
        device = self.device_of(name)
        if device is not None:
            self.follow(browser, lambda client: client.post(reverse("two-factor-remove"), {"otp_token": code_of(device)}))

    @rule(browser=browsers, how=headers, page=st.sampled_from(["/", "/members/", "/accounts/login/", "/accounts/email/", "/no-such-page/"]))
    def look_around(self, browser, how, page):
        self.follow(browser, lambda client: client.get(page, headers=how))

    # What happens elsewhere

    @rule(name=names)
    def a_device_is_enrolled_elsewhere(self, name):
        TOTPDevice.objects.create(user=self.user(name))

    @rule(name=names)
    def the_devices_go(self, name):
        TOTPDevice.objects.filter(user__username=name).delete()

    @rule(name=names)
    def the_throttling_ends(self, name):
        TOTPDevice.objects.filter(user__username=name).update(throttling_failure_count=0, throttling_failure_timestamp=None)

    @rule(name=names)
    def recovery_codes_are_made(self, name):
        self.codes[name] = registry.recovery.renew(self.user(name), 2)

    @rule(name=names, password=st.sampled_from([PASSWORD, "another battery staple"]))
    def the_password_changes(self, name, password):
        user = self.user(name)
        user.set_password(password)
        user.save()
        self.passwords[name] = password

    @rule(seconds=st.sampled_from([1, 31, 90, 301, 901]))
    def time_passes(self, seconds):
        self.now.shift(seconds)

    @rule(giver=browsers, taker=browsers)
    def a_session_is_copied(self, giver, taker):
        cookie = self.clients[giver].cookies.get("sessionid")
        if cookie is not None and cookie.value:
            self.clients[taker].cookies["sessionid"] = cookie.value

    @invariant()
    def nobody_is_inside_without_the_factor(self):
        for browser, client in enumerate(getattr(self, "clients", ())):
            for path in ("/who/", "/who-async/"):
                response = client.get(path, headers=SCRIPT)
                name = response.json()["user"] if response.status_code == 200 else ""
                if name and self.device_of(name):
                    assert name in self.proved[self.session_of(browser)]
            self.forget(browser)
            if "_auth_user_id" in client.session:
                assert "allauth_2fa_user_id" not in client.session


@pytest.mark.django_db
@pytest.mark.urls("tests.attacks.urls")
@pytest.mark.timeout(300)
@pytest.mark.same_everywhere
def test_no_order_of_events_shows_a_user_who_has_not_answered(settings):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    run_state_machine_as_test(Site, settings=QUICK)


QUICK = settings(max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
