"""Whatever people do with devices of every kind, in whatever order: nobody is inside who has not proved it in that session."""

from __future__ import annotations

from collections import defaultdict

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from allauth_2fa.factors import lookup
from tests.cast import PASSWORD, code_of
from tests.matrix.entrances import ENTRANCES
from tests.matrix.every_kind import EVERY_KIND
from tests.matrix.kinds import CHALLENGE

NOON = 1_750_000_005
SCRIPT = {"Sec-Fetch-Dest": "empty"}
NAMES = ["alice", "bob"]
LOGIN_VIEWS = [way for way, changes in ENTRANCES.values() if not changes]

browsers = st.integers(0, 2)
names = st.sampled_from(NAMES)
numbers = st.integers(0, 5)


class Site(RuleBasedStateMachine):
    """Two people with devices of every kind, and three browsers whose cookies get about."""

    @initialize(kinds=st.lists(st.sampled_from(EVERY_KIND), min_size=2, max_size=4))
    def people_arrive(self, kinds):
        User.objects.all().delete()
        self.clock = time_machine.travel(NOON, tick=False)
        self.now = self.clock.start()
        self.clients = [Client() for _browser in range(3)]
        # Who has proved something in which session, by its key; and which answers have been taken.
        self.proved = defaultdict(set)
        self.taken = set()
        self.held = {}
        for name in NAMES:
            user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, is_staff=True)
            EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
            self.held[name] = [kind(user) for kind in kinds]

    def teardown(self):
        if hasattr(self, "clock"):
            self.clock.stop()

    def key_of(self, browser):
        return self.clients[browser].session.session_key

    def follow(self, browser, act):
        """Do something in a browser, and take along what its session had proved when its key changes."""
        before = self.key_of(browser)
        response = act(self.clients[browser])
        after = self.key_of(browser)
        if after != before:
            self.proved[after] |= self.proved[before]
        self.forget(browser)
        return response

    def forget(self, browser):
        if "_auth_user_id" not in self.clients[browser].session:
            self.proved[self.key_of(browser)] = set()

    def kind_of(self, name, number):
        return self.held[name][number % len(self.held[name])]

    def user_in(self, browser):
        return self.clients[browser].session.get("_auth_user_id")

    # Coming in

    @rule(browser=browsers, name=names, login_view=st.sampled_from(LOGIN_VIEWS))
    def enter(self, browser, name, login_view):
        user = User.objects.get(username=name)
        self.follow(browser, lambda client: login_view(client, user))

    @rule(browser=browsers, name=names, number=numbers, addressed=st.booleans(), is_right=st.booleans())
    def answer(self, browser, name, number, addressed, is_right):
        """Answer by anybody's device, not only the asked user's."""
        kind = self.kind_of(name, number)
        asked = self.clients[browser].session.get("allauth_2fa_user_id")
        text = kind.right(self.clients[browser]) if is_right else kind.wrong(self.clients[browser])
        fits = is_right and asked == str(kind.user.pk) and (kind.device.pk, text) not in self.taken
        fields = {"otp_token": text, **({"device": kind.device.persistent_id} if addressed and not kind.stands_in else {})}
        response = self.follow(browser, lambda client: client.post(CHALLENGE, fields))
        if response.status_code == 302 and asked and self.user_in(browser) == asked:
            assert fits
            self.taken.add((kind.device.pk, text))
            self.proved[self.key_of(browser)].add(name)

    @rule(browser=browsers, name=names, login_view=st.sampled_from(LOGIN_VIEWS), number=numbers)
    def come_in(self, browser, name, login_view, number):
        """Do what people do, so that there are sessions to attack."""
        self.enter(browser, name, login_view)
        self.answer(browser, name, number, addressed=True, is_right=True)

    @rule(browser=browsers, number=numbers, name=names)
    def have_a_code_sent(self, browser, name, number):
        device = self.kind_of(name, number).device
        self.follow(browser, lambda client: client.post(CHALLENGE, {"action": "send", "device": device.persistent_id}))

    @rule(browser=browsers)
    def log_out(self, browser):
        self.clients[browser].post(reverse("account_logout"))

    # Inside

    @rule(browser=browsers, name=names, number=numbers, what=st.sampled_from(["rename", "prefer", "remove-device"]))
    def change_a_device(self, browser, name, number, what):
        device = self.kind_of(name, number).device
        address = reverse(f"two-factor-{what}", args=[device.persistent_id])
        before = lookup.count_primary(device.user_id)
        response = self.follow(browser, lambda client: client.post(address, {"name": "x"}))
        if lookup.count_primary(device.user_id) != before:
            assert response.status_code == 302
            assert name in self.proved[self.key_of(browser)] or not self.user_in(browser)

    @rule(browser=browsers)
    def add_an_app(self, browser):
        address = reverse("two-factor-add", args=["totp"])
        page = self.follow(browser, lambda client: client.get(address))
        if page.status_code == 200:
            assert page.wsgi_request.user.username in self.proved[self.key_of(browser)]
            device = TOTPDevice.objects.filter(user=page.wsgi_request.user, confirmed=False).get()
            self.follow(browser, lambda client: client.post(address, {"otp_token": code_of(device)}))

    @rule(browser=browsers, path=st.sampled_from(["/", "/accounts/two-factor/factors/", "/accounts/email/", "/no-such-page/"]))
    def look_around(self, browser, path):
        self.follow(browser, lambda client: client.get(path))

    # Elsewhere

    @rule(seconds=st.sampled_from([1, 31, 121, 301, 901]))
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
            response = client.get("/who/", headers=SCRIPT)
            name = response.json()["user"] if response.status_code == 200 else ""
            if name:
                assert name in self.proved[self.key_of(browser)]
            self.forget(browser)


@pytest.mark.django_db
@pytest.mark.urls("tests.attacks.urls")
@pytest.mark.timeout(300)
def test_no_order_of_events_admits_anybody_who_has_proved_nothing(settings):
    settings.ALLAUTH_2FA_GUARD_RECHECK = 0
    run_state_machine_as_test(Site, settings=QUICK)


QUICK = settings(
    # To look for the shortest way to a failure would take minutes; the one that was found is printed.
    phases=[Phase.generate],
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
