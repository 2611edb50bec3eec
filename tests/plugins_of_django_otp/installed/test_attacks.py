"""Attack the devices of other plugins: guess beside them, replay and flood what they send, break their models."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_otp import oath
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from otp_yubikey.models import RemoteYubikeyDevice, ValidationService, YubikeyDevice

from allauth_2fa.answers import verify
from allauth_2fa.browsers import device_cookie
from allauth_2fa.devices import sending
from allauth_2fa.exceptions import DeviceRefused, NothingEnrolled, NotJudged, NotSent, Refused, SendsNoCodes, Throttled
from allauth_2fa.factors import generic, lookup, registry
from allauth_2fa.factors.sent import SentCodeFactor
from allauth_2fa.models import Browser
from allauth_2fa.state.store import ChallengeStore
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending, wrong_code_of
from tests.pager.models import Beeper, LoudPager, Pager

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"
REAUTHENTICATE = "/accounts/two-factor/factors/reauthenticate/"


@pytest.fixture
def pager(alice):
    Pager.sent.clear()
    return Pager.objects.create(user=alice, name="Red pager")


@pytest.fixture
def key(alice):
    """A device that is never throttled."""
    return YubikeyDevice.objects.create(user=alice, name="Blue key")


@pytest.fixture
def tokens(alice):
    return StaticDevice.objects.create(user=alice).token_set


@pytest.fixture
def beeper(alice):
    """A device that sends and has no cooldown of its own."""
    Beeper.sent.clear()
    return Beeper.objects.create(user=alice, name="Beeper")


def failures(device):
    return type(device).objects.get(pk=device.pk).throttling_failure_count


def outcome(user, text, device=None, store=None):
    try:
        return verify.answer(user, text, device and device.persistent_id, store=store).persistent_id
    except Refused as refusal:
        return refusal.code


# Guessing beside a device that pays for nothing


@pytest.mark.parametrize("beside", ["key", "pager"])
def test_an_app_is_not_guessed_for_free_beside_a_device_that_does_not_pay(alice, phone, beside, request, settings):
    other = request.getfixturevalue(beside)
    settings.ALLAUTH_2FA_FACTORS = [other.model_label(), "totp", "static"]
    assert verify.offers(alice)[0] == other
    assert outcome(alice, wrong_code_of(phone)) == "refused"
    assert failures(phone) == 1
    assert outcome(alice, code_of(phone)) == "throttled"


def test_a_second_login_that_was_sent_nothing_guesses_no_app_for_free(client, alice, phone, pager, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "totp"]
    give_password(Client(), alice)
    give_password(client, alice)  # within the cooldown
    give_answer(client, wrong_code_of(phone))
    give_answer(client, code_of(phone))
    assert not is_logged_in(client)
    assert failures(phone) == 1


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("token", ["24681357", "abcd2345"])
def test_tokens_are_not_guessed_for_free_through_a_key(alice, key, tokens, chosen, token):
    tokens.create(token=token)
    device = key if chosen else None
    assert outcome(alice, "1" + token[1:-1] + "9", device) == "refused"
    assert failures(tokens.instance) == 1
    assert outcome(alice, token, device) == "refused", "that the token is right shows while its device is throttled"
    assert failures(tokens.instance) == 1
    assert tokens.exists()


def test_a_token_stands_in_for_a_key(alice, key, tokens):
    for token in ("24681357", "abcd2345"):
        tokens.create(token=token)
        assert outcome(alice, token, key) == tokens.instance.persistent_id
    assert not tokens.exists()


def test_a_touch_that_is_refused_costs_the_tokens_nothing(alice, key, tokens):
    assert outcome(alice, "c" * 44, key) == "refused"
    assert failures(tokens.instance) == 0


def test_tokens_are_not_guessed_for_free_through_a_device_that_was_sent_nothing(alice, pager, tokens):
    tokens.create(token="24681357")
    tokens.create(token="abcd2345")
    assert outcome(alice, "24681357", pager) == "expired", "digits are taken for a code that came too late"
    assert failures(tokens.instance) == 0
    assert outcome(alice, "abcd2346", pager) == "expired"
    assert failures(tokens.instance) == 1
    assert outcome(alice, "abcd2345", pager) == "expired"
    assert tokens.count() == 2


def test_a_token_stands_in_for_a_pager_that_sends_nothing(client, alice, pager, tokens):
    tokens.create(token="abcd2345")
    Pager.objects.update(is_broken=True)
    give_password(client, alice)
    assert give_answer(client, "abcd2345").status_code == 302


def test_tokens_of_a_second_device_are_not_guessed_while_the_first_pays(alice, phone, tokens):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcd2345")
    assert outcome(alice, "abcd2346") == "refused"
    assert outcome(alice, "abcd2345") == "throttled"


def test_of_guesses_at_tokens_that_come_at_once_one_is_tried_and_counts(tokens):
    copies = [StaticDevice.objects.get() for _guess in range(3)]
    registry.static.charge(copies.pop())
    for copy in copies:
        with pytest.raises(Throttled):
            registry.static.charge(copy)
    assert failures(tokens.instance) == 1


def test_a_throttled_pager_is_not_guessed_on_by_leaving_the_choice_out(alice, phone, pager, settings):
    settings.ALLAUTH_2FA_FACTORS = ["pager.pager", "totp"]
    store = ChallengeStore({})
    sending.send(None, alice, pager.persistent_id, store)
    wrong = next(code for code in ("000000", "111111") if code not in {Pager.sent[-1], code_of(phone)})
    assert outcome(alice, wrong, store=store) == "refused"
    assert failures(pager) == 1
    assert failures(phone) == 0
    assert outcome(alice, Pager.sent[-1], store=store) == "throttled"
    assert outcome(alice, code_of(phone), store=store) == "throttled"


@pytest.mark.parametrize("device_id", ["pager.pager/999", "otp_email.emaildevice/1", "nonsense", "/", "pager.pager/1/1"])
def test_a_choice_that_is_no_device_is_not_tried(alice, phone, device_id):
    with pytest.raises(NothingEnrolled):
        verify.answer(alice, code_of(phone), device_id)


def test_a_chosen_device_alone_judges(alice, phone, pager, key):
    store = ChallengeStore({})
    sending.send(None, alice, pager.persistent_id, store)
    assert outcome(alice, code_of(phone), pager, store) == "refused"
    assert outcome(alice, code_of(phone), key, store) == "refused"
    assert failures(phone) == 0


# Codes that were sent


def test_a_sent_code_counts_for_no_session_but_the_one_that_asked(client, alice, pager):
    give_password(client, alice)
    give_answer(client, Pager.sent[-1])
    assert is_logged_in(client)
    Pager.objects.update(last_generated_timestamp=None)
    thief = Client()
    give_password(thief, alice)
    response = client.post(REAUTHENTICATE, {"otp_token": Pager.sent[-1]})
    assert response.context["form"].errors["otp_token"] == [NotSent().message]


def test_a_login_that_is_replayed_after_its_code_opens_nothing(client, alice, pager, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    give_password(client, alice)
    copy = client.cookies.copy()
    assert give_answer(client, Pager.sent[-1]).status_code == 302
    replayed = Client()
    replayed.cookies = copy
    assert give_answer(replayed, Pager.sent[-1]).status_code == 200
    assert Pager.sent[-1] not in str(copy)


@pytest.mark.parametrize("garbage", [[], 7, "text", None, {"pager.pager/1": 7}, [["pager.pager/1", "x"]]])
def test_garbage_where_the_sent_codes_are_logged_breaks_nothing(alice, pager, garbage):
    store = ChallengeStore({"sent": garbage})
    assert outcome(alice, "123456", pager, store) == "expired"
    sending.send(None, alice, pager.persistent_id, store)
    assert outcome(alice, Pager.sent[-1], pager, store) == pager.persistent_id


def test_getting_the_pages_sends_nothing(client, alice, pager):
    give_password(client, alice)
    Pager.objects.update(last_generated_timestamp=None)
    for _visit in range(2):
        client.get(CHALLENGE, {"action": "send", "device": pager.persistent_id})
        client.head(CHALLENGE, {"action": "send"})
    assert len(Pager.sent) == 1


def test_another_site_has_nothing_sent(alice, pager):
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/")
    form = {"login": alice.username, "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    client.post("/accounts/login/", form)
    assert is_pending(client)
    Pager.objects.update(last_generated_timestamp=None)
    assert client.post(CHALLENGE, {"action": "send"}).status_code == 403
    assert len(Pager.sent) == 1


@pytest.mark.parametrize("end", ["logout", "password", "inactive", "nobody"])
def test_a_login_that_has_ended_has_nothing_sent(client, alice, pager, end):
    if end != "nobody":
        give_password(client, alice)
    Pager.sent.clear()
    Pager.objects.update(last_generated_timestamp=None)
    if end == "logout":
        client.post("/accounts/logout/")
    elif end == "password":
        alice.set_password("another one")
        alice.save()
    elif end == "inactive":
        type(alice).objects.update(is_active=False)
    for page in (CHALLENGE, REAUTHENTICATE):
        assert client.post(page, {"action": "send", "device": pager.persistent_id}).status_code == 302
    assert Pager.sent == []


def test_logins_one_after_another_do_not_flood_a_device_without_a_cooldown(alice, beeper):
    for _login in range(4):
        browser = Client()
        give_password(browser, alice)
        response = browser.post(CHALLENGE, {"action": "send"})
        assert response.context["notice"].startswith("We sent a code a moment ago.")
        assert response.context["resend"] is None, "and when there can be another one is known to the cache alone"
    assert len(Beeper.sent) == 1


def test_a_site_says_how_often_such_a_device_is_sent_something(alice, beeper, settings):
    settings.ACCOUNT_RATE_LIMITS = {"allauth_2fa_send": "2/m/key"}
    for _login in range(4):
        give_password(Client(), alice)
    assert len(Beeper.sent) == 2


def test_one_persons_codes_do_not_hold_up_anothers(alice, bob, beeper):
    Beeper.objects.create(user=bob, name="Bob's")
    for user in (alice, bob):
        give_password(Client(), user)
    assert len(Beeper.sent) == 2


def test_a_device_that_was_given_away_sends_nothing(alice, bob, pager):
    stale = Pager.objects.get(pk=pager.pk)
    Pager.objects.update(user=bob)
    _device, refusal = sending._send(None, stale)
    assert isinstance(refusal, NothingEnrolled)
    assert Pager.sent == []


def test_a_device_that_sends_nothing_has_nothing_sent_while_it_is_added(alice, phone):
    with pytest.raises(SendsNoCodes):
        sending.send_waiting(phone, ChallengeStore({}))


class PagerFactor(SentCodeFactor):
    """A project's way to serve pagers, which users add without filling in anything."""

    id = "own"
    label = "pager"

    @property
    def model(self):
        return Pager


def test_a_device_without_fields_is_started_again_while_it_is_unconfirmed(client, alice, phone, settings):
    settings.ALLAUTH_2FA_FACTORS = ["totp", f"{__name__}.PagerFactor"]
    page = "/accounts/two-factor/factors/add/own/"
    for _browser in range(2):
        Pager.sent.clear()
        cache.clear()
        browser = Client()
        login_verified(browser, alice, phone)
        assert browser.get(page).status_code == 200
        assert browser.post(page, {"action": "send"}).context["notice"].startswith("We sent a code")
    assert browser.post(page, {"otp_token": Pager.sent[0]}).url == "/accounts/two-factor/factors/"
    assert Pager.objects.filter(confirmed=True).count() == 1


def test_of_a_device_that_is_off_nobody_knows_when_it_sends(alice, pager, settings):
    sending.send(None, alice, pager.persistent_id, ChallengeStore({}))
    pager.refresh_from_db()
    assert sending.next_at(None, pager) is not None
    settings.ALLAUTH_2FA_FACTORS = ["totp"]
    assert sending.next_at(None, pager) is None


def test_a_device_that_goes_while_its_code_is_judged_is_not_confirmed(alice, pager, monkeypatch):
    def verify(self, _token):
        self.delete()
        return True

    Pager.objects.update(confirmed=False)
    pager.refresh_from_db()
    monkeypatch.setattr(Pager, "verify_token", verify)
    with pytest.raises(NothingEnrolled):
        generic.complete_alone(pager, "123456")
    assert not Pager.objects.exists()


# Tokens that count


def shown_at(token, counter):
    return str(oath.hotp(token.bin_key, counter, token.digits)).zfill(token.digits)


def test_a_token_of_eight_digits_is_taken_up_by_two_codes_in_a_row(client, alice):
    token = HOTPDevice.objects.create(user=alice, name="Token", digits=8)
    registry.recovery.renew(alice, 1)
    give_password(client, alice)
    assert give_answer(client, shown_at(token, 41) + shown_at(token, 42)).status_code == 302


def test_sixteen_digits_that_are_no_pair_are_a_recovery_code(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token", digits=8)
    registry.recovery.renew(alice, 1)
    outcome(alice, shown_at(token, 41) + shown_at(token, 43))
    assert failures(token) == 0


def test_one_pair_read_twice_at_once_counts_once_and_never_backwards(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token")
    pair = shown_at(token, 41) + shown_at(token, 42)
    first, second, late = (HOTPDevice.objects.get(pk=token.pk) for _copy in range(3))
    factor = registry.factor_of(token)
    factor.judge(first, pair)
    with pytest.raises(DeviceRefused):
        factor.judge(second, pair)
    with pytest.raises(Throttled):
        factor.judge(late, shown_at(token, 10) + shown_at(token, 11))
    token.refresh_from_db()
    assert token.counter == 43


def test_an_old_pair_moves_no_counter_back(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token")
    stale = HOTPDevice.objects.get(pk=token.pk)
    HOTPDevice.objects.update(counter=60)
    with pytest.raises(DeviceRefused):
        registry.factor_of(token).judge(stale, shown_at(token, 41) + shown_at(token, 42))
    token.refresh_from_db()
    assert token.counter == 60


def test_a_row_that_was_throttled_meanwhile_takes_no_pair(alice):
    token = HOTPDevice.objects.create(user=alice, name="Token")
    stale = HOTPDevice.objects.get(pk=token.pk)
    HOTPDevice.objects.update(throttling_failure_count=9, throttling_failure_timestamp=timezone.now())
    with pytest.raises(Throttled):
        registry.factor_of(token).judge(stale, shown_at(token, 41) + shown_at(token, 42))


# Models that break


def test_a_model_that_raises_refuses_and_logs_no_answer(client, alice, monkeypatch, caplog):
    service = ValidationService.objects.create(name="Cloud", api_id=1, param_sl="", param_timeout="")
    RemoteYubikeyDevice.objects.create(user=alice, name="Key", service=service, public_id="cccc")

    def verify(_self, token):
        message = f"no reply from https://cloud.example/?otp={token}"
        raise OSError(message)

    monkeypatch.setattr(RemoteYubikeyDevice, "verify_token", verify)
    give_password(client, alice)
    response = give_answer(client, "c" * 36)
    assert response.context["form"].errors["otp_token"] == [NotJudged().message]
    assert "OSError" in caplog.text
    assert "c" * 36 not in caplog.text


def test_a_database_that_fails_is_no_refusal(alice, key, monkeypatch):
    def verify(_self, _token):
        raise transaction.TransactionManagementError

    monkeypatch.setattr(YubikeyDevice, "verify_token", verify)
    with pytest.raises(transaction.TransactionManagementError):
        generic.judge_alone(key, "c" * 44)


def test_a_model_that_cannot_tell_whether_it_sends_logs_nobody_in(client, alice, pager, monkeypatch):
    def broken(_self):
        message = "no signal"
        raise OSError(message)

    give_password(client, alice)
    monkeypatch.setattr(Pager, "is_interactive", broken)
    with pytest.raises(OSError, match="no signal"):
        give_answer(client, Pager.sent[-1])
    assert not is_logged_in(client)


class ReadsElsewhere:
    """Routes reads to a replica."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.parametrize("right", [True, False])
def test_a_code_is_judged_where_it_is_written_and_not_by_a_replica(alice, settings, right):
    token = HOTPDevice.objects.create(user=alice, name="Token")
    factor = registry.factor_of(token)
    settings.DATABASE_ROUTERS = [ReadsElsewhere()]
    with nullcontext() if right else pytest.raises(DeviceRefused):
        factor.judge(token, shown_at(token, 0 if right else 90))


# Models that have the devices of another one


def test_a_proxy_and_a_child_offer_no_device_twice(alice, phone):
    kinds = [factor.id for factor in registry.factors()]
    assert "pager.pager" in kinds
    assert not {"pager.quietpager", "pager.loudpager"} & set(kinds)
    LoudPager.objects.create(user=alice, name="Loud")
    assert len(verify.offers(alice)) == 2


def test_a_child_that_stands_for_its_parent_is_judged_and_sent_to(client, alice, settings):
    """Its columns are the parent's, and so is the row that is locked."""
    settings.ALLAUTH_2FA_FACTORS = ["pager.loudpager"]
    device = LoudPager.objects.create(user=alice, name="Loud")
    give_password(client, alice)
    assert give_answer(client, "000000" if Pager.sent[-1] != "000000" else "111111").status_code == 200
    assert failures(device) == 1
    Pager.objects.update(throttling_failure_count=0)
    assert give_answer(client, Pager.sent[-1]).status_code == 302
    assert client.session["otp_device_id"] == device.persistent_id


@pytest.mark.parametrize("factors", [["pager.pager"], ["totp", "pager.pager"], []])
def test_a_user_who_holds_a_device_is_asked_for_it_however_many_kinds_there_are(alice, bob, pager, factors, settings):
    settings.ALLAUTH_2FA_FACTORS = factors
    assert lookup.has_primary(alice)
    assert not lookup.has_primary(bob)
    Pager.objects.update(confirmed=False)
    assert not lookup.has_primary(alice)


@pytest.mark.parametrize("is_right", [True, False])
def test_tokens_that_wait_are_rationed_through_a_key_in_a_known_browser(client, alice, key, tokens, is_right):
    """Right or wrong: who could try wrong ones for nothing would learn which one is right."""
    value = "v" * 24
    Browser.objects.create(user=alice, digest=device_cookie.digest(value))
    client.cookies[device_cookie.COOKIE] = value
    outcomes = []
    for number in range(7):
        tokens.create(token=f"token{number}")
        StaticDevice.objects.update(throttling_failure_count=20, throttling_failure_timestamp=timezone.now())
        give_password(client, alice)
        response = give_answer(client, f"token{number}" if is_right else "token9")
        outcomes.append("in" if response.status_code == 302 else response.context["form"].errors.as_data()["otp_token"][0].code)
        if is_right and response.status_code == 302:
            client.cookies.pop("sessionid")
    assert outcomes == ["in" if is_right else "refused"] * 5 + ["throttled"] * 2


@pytest.mark.parametrize("fields", [{}, {"device": "the key"}])
def test_while_tokens_wait_no_answer_through_a_key_tells_a_right_one_from_a_wrong_one(client, alice, key, tokens, fields):
    """The key is throttled for nothing, and judges whatever is typed."""
    tokens.create(token="token1")
    waiting = {"throttling_failure_count": 20, "throttling_failure_timestamp": timezone.now()}
    StaticDevice.objects.update(**waiting)
    fields = dict.fromkeys(fields, key.persistent_id)
    give_password(client, alice)
    told = [give_answer(client, answer, **fields).context["form"].errors.as_json() for answer in ("token1", "token9")]
    assert told[0] == told[1]
    assert StaticDevice.objects.filter(**waiting).exists(), "they wait no longer for it"
    StaticDevice.objects.update(throttling_failure_count=0)
    assert give_answer(client, "token1", **fields).status_code == 302


def test_beside_a_pager_that_could_send_no_code_a_token_is_taken_and_its_wait_counts(client, alice, tokens):
    """The pager pays for no wrong answer then, so the tokens do."""
    Pager.objects.create(user=alice, is_broken=True)
    tokens.create(token="token1")
    StaticDevice.objects.update(throttling_failure_count=20, throttling_failure_timestamp=timezone.now())
    give_password(client, alice)
    assert give_answer(client, "token1").status_code == 200
    StaticDevice.objects.update(throttling_failure_count=0)
    assert give_answer(client, "token1").status_code == 302
