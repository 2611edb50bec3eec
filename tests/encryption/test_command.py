"""``allauth_2fa_secrets``: counts, encrypts, rotates and decrypts, a batch at a time, and overwrites nothing."""

from __future__ import annotations

import json
import tracemalloc
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.encryption import cipher, columns, sweep, values
from allauth_2fa.encryption.sweep import Action, State, Tally
from allauth_2fa.factors import registry
from allauth_2fa.management.commands.allauth_2fa_secrets import INTERRUPTED, LOST, WORK_LEFT
from tests.cast import code_of
from tests.encryption.keys import NEW, OLD, STRANGE, held, put
from tests.factors.conftest import before_each

pytestmark = pytest.mark.django_db

PLACE = "otp_totp.totpdevice.key"
TABLE = "otp_totp_totpdevice"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    """Look again at once at rows that others have changed."""
    monkeypatch.setattr(sweep, "PAUSE", 0)


@pytest.fixture
def phones(django_user_model, use):
    """Seven authenticator apps of seven users, readable in the database; and their secrets."""
    use()
    users = [django_user_model.objects.create_user(f"user{number}") for number in range(7)]
    return {TOTPDevice.objects.create(user=user): f"{number:040x}" for number, user in enumerate(users, 1)}


@pytest.fixture(autouse=True)
def _secrets_of_the_phones(request):
    if "phones" in request.fixturenames:
        for device, secret in request.getfixturevalue("phones").items():
            put(device, secret)


def run(*arguments, code=0, **options):
    """Run the command, and return what it printed; it fails with that exit code. No secret is ever printed."""
    out, err = StringIO(), StringIO()
    failed = 0
    try:
        call_command("allauth_2fa_secrets", *arguments, stdout=out, stderr=err, skip_checks=True, **options)
    except CommandError as error:
        failed, said = error.returncode, str(error)
        out.write(said)
    printed = out.getvalue() + err.getvalue()
    assert failed == code, printed
    assert not any(text in printed for text in TOTPDevice.objects.exclude(key="").values_list("key", flat=True))
    assert f"{1:040x}" not in printed
    return printed


def texts(phones):
    return [held(device) for device in phones]


def usable(phones):
    """Return whether each device has the secret that it had."""
    found = {device.pk: str(device.key) for device in TOTPDevice.objects.all()}
    return found == {device.pk: secret for device, secret in phones.items()}


def newest(phones):
    """Return whether each column holds what the newest key makes of it."""
    bound = {device.pk: (PLACE, str(device.user_id)) for device in phones}
    return texts(phones) == [values.at_rest(values.encrypted(secret, *bound[device.pk])) for device, secret in phones.items()]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_a_site_turns_it_on_rotates_its_key_and_turns_it_off_and_loses_nothing(phones, use, batch_size):
    use(OLD)
    assert "now encrypted: 7" in run("encrypt", batch_size=batch_size)
    assert newest(phones)
    use(NEW, OLD)
    assert usable(phones)
    assert "now encrypted again: 7" in run("rotate", batch_size=batch_size)
    use(NEW)
    assert newest(phones)
    assert usable(phones)
    assert "now decrypted: 7" in run("decrypt", batch_size=batch_size)
    use()
    assert texts(phones) == list(phones.values())
    assert usable(phones)


def test_each_command_leaves_alone_what_it_is_not_about_and_may_be_run_again(phones, use):
    first, second, third, *_others = phones
    use(OLD)
    put(first, values.encrypted(phones[first], PLACE, str(first.user_id)).stored)
    use(NEW, OLD)
    put(second, values.encrypted(phones[second], PLACE, str(second.user_id)).stored)
    before = texts(phones)
    run("encrypt")
    assert texts(phones)[:2] == before[:2]
    assert held(third) != before[2]
    once = texts(phones)
    assert "now encrypted: 0" in run("encrypt")
    assert texts(phones) == once
    assert "now encrypted again: 1" in run("rotate")
    assert texts(phones)[1:] == once[1:]
    assert "now encrypted again: 0" in run("rotate")
    assert newest(phones)


@pytest.mark.parametrize("action", ["encrypt", "rotate", "decrypt"])
def test_a_dry_run_says_how_many_and_writes_nothing(phones, use, action):
    use(OLD)
    if action != "encrypt":
        run("encrypt")
    use(NEW, OLD)
    before = texts(phones)
    with before_each("UPDATE", TABLE, lambda: pytest.fail("it wrote")):
        assert "would be" in run(action, dry_run=True)
        assert json.loads(run(action, "--json", dry_run=True))["columns"][PLACE]["changed"] == 7
    assert texts(phones) == before


@pytest.mark.parametrize("action", ["encrypt", "rotate", "decrypt"])
def test_without_keys_there_is_nothing_to_do_it_with(phones, use, action):
    use()
    assert f"there is no key to {action} with" in run(action, code=1)
    assert texts(phones) == list(phones.values())


def test_the_batch_size_is_one_at_the_least(phones):
    assert "--batch-size must be 1 or more" in run("status", batch_size=0, code=1)


# Status


def test_status_counts_and_fails_until_everything_is_encrypted_with_the_newest_key(alice, phones, use):
    first, second, third, *_others = phones
    registry.static.renew(alice, 3)
    use(OLD)
    put(first, values.encrypted(phones[first], PLACE, str(first.user_id)).stored)
    use(NEW, OLD)
    put(second, values.encrypted(phones[second], PLACE, str(second.user_id)).stored)
    put(third, "")
    said = run("status", code=WORK_LEFT)
    new, old = cipher.site_keys()
    for line in (
        f"{PLACE}: 7 rows",
        "  1 encrypted with the newest key",
        "  1 encrypted with an older key",
        "  4 readable",
        "  1 empty",
        f"  {new.id}: 1 secrets\n",
        f"  {old.id}: 1 secrets\n",
        "  3 readable recovery codes, which go when their owners create new ones",
        "4 readable, 1 encrypted with an older key.",
    ):
        assert line in said
    run("encrypt")
    run("rotate")
    said = run("status")
    assert f"  {old.id}: 0 secrets, can be removed" in said
    assert f"  {new.id}: 6 secrets\n" in said


def test_status_as_json(alice, phones, use):
    StaticDevice.objects.create(user=alice).token_set.create(token="abcd2345")
    use(NEW)
    run("encrypt")
    (key,) = cipher.site_keys()
    found = json.loads(run("status", "--json"))
    assert found["columns"].pop(PLACE) == {
        "rows": 7,
        "newest": 7,
        "older": 0,
        "digest": 0,
        "readable": 0,
        "lost": 0,
        "empty": 0,
        "changed": 0,
        "busy": 0,
    }
    assert all(column["rows"] == 0 for column in found.pop("columns").values())
    assert found == {
        "action": "status",
        "dry_run": False,
        "keys": {key.id: 7},
        "lost": {},
        "readable_recovery_codes": 1,
        "other_devices": {},
    }


def test_status_of_a_site_without_keys(phones, use):
    use()
    assert "7 readable, 0 encrypted with an older key." in run("status", code=WORK_LEFT)


def test_quiet_it_prints_the_counts_alone(phones, use):
    use(NEW)
    assert run("encrypt", verbosity=0).splitlines()[0] == f"{PLACE}: 7 rows"
    assert "Keys" not in run("status", verbosity=0)


def test_progress_is_printed_with_each_batch(phones, use):
    use(NEW)
    said = run("encrypt", batch_size=3).splitlines()
    assert said[:3] == [f"{PLACE}: {done} of 7" for done in (3, 6, 7)]


@pytest.mark.parametrize("action", ["status", "encrypt", "rotate", "decrypt"])
def test_what_cannot_be_read_is_counted_left_alone_and_fails(phones, use, action):
    first, second, third, *_others = phones
    use(STRANGE)
    put(first, values.encrypted(phones[first], PLACE, str(first.user_id)).stored)
    (strange,) = cipher.site_keys()
    use(NEW, OLD)
    put(second, values.encrypted(phones[second], PLACE, "somebody else").stored)
    put(third, "no secret")
    before = texts(phones)[:3]
    said = run(action, code=LOST, verbosity=2)
    assert f"  1 cannot be read: ALLAUTH_2FA_ENCRYPTION_KEYS has no key {strange.id}" in said
    assert "  1 cannot be read: it was changed, or it belongs to another user" in said
    assert "  1 cannot be read: it is no hexadecimal number" in said
    assert "3 secrets cannot be read" in said
    assert f"{PLACE} of row {first.pk} cannot be read" in said
    assert texts(phones)[:3] == before
    assert json.loads(run(action, "--json", code=LOST).rsplit("\n3 secrets", 1)[0])["columns"][PLACE]["lost"] == 3


# What others do meanwhile


def test_a_row_that_changed_meanwhile_is_looked_at_again_and_not_overwritten(phones, use):
    use(NEW, OLD)
    device = next(iter(phones))
    fresh = values.encrypted("ab" * 20, PLACE, str(device.user_id)).stored
    changes = iter([fresh])

    def act():
        put(device, next(changes, held(device)))

    with before_each("UPDATE", TABLE, act):
        assert "now encrypted: 6" in run("encrypt")
    assert held(device) == fresh
    phones[device] = "ab" * 20
    assert usable(phones)


def test_a_row_that_changed_to_another_readable_secret_is_encrypted_with_that(phones, use):
    use(NEW, OLD)
    device = next(iter(phones))
    changes = iter(["cd" * 20])
    with before_each("UPDATE", TABLE, lambda: put(device, next(changes, held(device)))):
        assert "now encrypted: 7" in run("encrypt")
    phones[device] = "cd" * 20
    assert newest(phones)


def test_a_row_that_goes_to_another_owner_meanwhile_is_not_sealed_for_the_former_one(phones, use, bob):
    use(NEW, OLD)
    device = next(iter(phones))
    with before_each("UPDATE", TABLE, lambda: TOTPDevice.objects.filter(pk=device.pk).update(user=bob)):
        run("encrypt")
    assert usable(phones)
    assert held(device) == values.encrypted(phones[device], PLACE, str(bob.pk)).stored


def test_a_row_that_is_deleted_meanwhile_is_let_go(phones, use):
    use(NEW, OLD)
    device = next(iter(phones))
    with before_each("UPDATE", TABLE, lambda: connection.cursor().execute(f"DELETE FROM {TABLE} WHERE id = {device.pk}")):  # noqa: S608 - ours
        assert "now encrypted: 6" in run("encrypt")


def test_a_row_that_others_change_each_time_is_left_and_the_command_fails(phones, use):
    use(NEW, OLD)
    device = next(iter(phones))
    numbers = iter(range(100, 200))
    with before_each("UPDATE", TABLE, lambda: put(device, f"{next(numbers):040x}")):
        said = run("encrypt", code=WORK_LEFT)
    assert "  1 were busy on every try" in said
    assert "1 rows were busy. Run it again." in said
    assert "now encrypted: 1" in run("encrypt")


def test_stopped_from_the_keyboard_it_says_so_and_goes_on_the_next_time(phones, use):
    use(NEW, OLD)
    stops = iter([None, None, KeyboardInterrupt])

    def act():
        if next(stops, None):
            raise KeyboardInterrupt

    with before_each("UPDATE", TABLE, act):
        assert "Run it again" in run("encrypt", batch_size=2, code=INTERRUPTED)
    assert usable(phones)
    assert sum(text.startswith("~") for text in texts(phones)) == 4
    assert "now encrypted: 3" in run("encrypt")


def test_an_app_is_set_up_and_used_before_during_and_after(client, alice, phones, use):
    use(OLD)
    device = registry.totp.begin(alice)
    loaded = TOTPDevice.objects.get(pk=device.pk)
    code = code_of(loaded)
    use(NEW, OLD)
    run("rotate")
    # What this request has read is the older text by now.
    registry.totp.complete(loaded, code)
    assert TOTPDevice.objects.get(pk=device.pk).confirmed


@pytest.mark.parametrize(("before", "after"), [("encrypt", "decrypt"), ("decrypt", "encrypt"), (None, "encrypt")])
def test_a_setup_is_confirmed_whatever_the_command_does_meanwhile(alice, use, before, after):
    use(NEW)
    device = registry.totp.begin(alice)
    if before is None:
        put(device, str(device.key))
    else:
        run(before)
    loaded = TOTPDevice.objects.get(pk=device.pk)
    run(after)
    registry.totp.complete(loaded, code_of(loaded))
    assert TOTPDevice.objects.get(pk=device.pk).confirmed


# Sizes


def test_memory_does_not_grow_with_the_number_of_rows(django_user_model, use):
    use(NEW)
    user = django_user_model.objects.create_user("collector")

    def peak(number):
        TOTPDevice.objects.all().delete()
        TOTPDevice.objects.bulk_create(TOTPDevice(user=user) for _ in range(number))
        column = next(columns.columns())
        list(sweep.sweep(column, Action.DECRYPT, batch_size=50))
        tracemalloc.start()
        for tally in sweep.sweep(column, Action.ENCRYPT, batch_size=50):
            assert tally.changed == tally.rows
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)
    few, many = peak(200), peak(1400)
    # A row that is kept costs some hundred bytes. SQLite keeps a hundred statements, each name of a savepoint being a new one.
    assert (many - few) / 1200 < 50


def test_a_column_of_nobody_has_an_empty_tally(use):
    use(NEW)
    assert list(sweep.sweep(next(columns.columns()), Action.STATUS)) == []
    assert Tally().found[State.LOST] == 0
    assert sweep.total(next(columns.columns())) == 0
