"""A user who works with devices sees secrets as they always were, and the database keeps what nobody can use."""

from __future__ import annotations

import pickle
from base64 import b32encode
from copy import copy, deepcopy

import django
import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import post_save, pre_save
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from allauth_2fa.encryption import columns, values
from allauth_2fa.utils import get_device_base32_secret
from tests.cast import code_of
from tests.encryption.keys import NEW, OLD, STRANGE, held, put

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyed")]


@pytest.fixture
def plain():
    """A secret."""
    return default_key()


@pytest.fixture
def phone(alice, plain):
    """Alice's authenticator app, with that secret."""
    return TOTPDevice.objects.create(user=alice, name="Work phone", key=plain)


def text_of(plain, user):
    """Return what is to be in the database."""
    return values.encrypted(plain, "otp_totp.totpdevice.key", str(user.pk)).stored


def test_a_new_device_is_sealed_in_the_database_and_plain_in_memory(alice, phone, plain):
    assert held(phone) == text_of(plain, alice)
    assert phone.key == plain
    assert phone.bin_key == bytes.fromhex(plain)
    loaded = TOTPDevice.objects.get()
    assert loaded.key == plain
    assert get_device_base32_secret(loaded) == b32encode(bytes.fromhex(plain)).decode().rstrip("=")
    assert loaded.config_url == phone.config_url


def test_django_otps_own_judge_accepts_and_writes(phone):
    loaded = TOTPDevice.objects.get()
    before = held(phone)
    assert loaded.verify_token(code_of(phone))
    assert not TOTPDevice.objects.get().verify_token(code_of(phone))
    assert held(phone) == before
    assert TOTPDevice.objects.get().throttling_failure_count == 1


def test_a_default_secret_is_sealed_too(alice):
    device = TOTPDevice.objects.create(user=alice)
    assert held(device) == text_of(device.key, alice)


WAYS = {
    "get": TOTPDevice.objects.get,
    "first": TOTPDevice.objects.first,
    "iterator": lambda: next(TOTPDevice.objects.iterator()),
    "in_bulk": lambda: next(iter(TOTPDevice.objects.in_bulk().values())),
    "raw_sql": lambda: TOTPDevice.objects.raw("SELECT * FROM otp_totp_totpdevice")[0],
    "select_related": lambda: TOTPDevice.objects.select_related("user").get(),
    "only": lambda: TOTPDevice.objects.only("key", "user").get(),
    "defer": lambda: TOTPDevice.objects.defer("name").get(),
    "base_manager": lambda: TOTPDevice._base_manager.all()[0],
    "persistent_id": lambda: TOTPDevice.from_persistent_id(TOTPDevice.objects.get().persistent_id),
    "devices_for_user": lambda: TOTPDevice.objects.devices_for_user(TOTPDevice.objects.get().user)[0],
    "related": lambda: TOTPDevice.objects.get().user.totpdevice_set.all()[0],
    "union": lambda: TOTPDevice.objects.annotate(one=models.Value(1)).union(TOTPDevice.objects.annotate(one=models.Value(2)))[0],
    "pickled_query": lambda: pickle.loads(pickle.dumps(TOTPDevice.objects.all()))[0],  # noqa: S301 - our own
    "pickled": lambda: pickle.loads(pickle.dumps(TOTPDevice.objects.get())),  # noqa: S301 - our own
    "copied": lambda: copy(TOTPDevice.objects.get()),
    "deepcopied": lambda: deepcopy(TOTPDevice.objects.get()),
    "deserialized": lambda: next(serializers.deserialize("json", serializers.serialize("json", TOTPDevice.objects.all()))).object,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_device_is_opened_however_it_is_loaded(phone, plain, way):
    device = WAYS[way]()
    assert device.key == plain
    assert device.bin_key == bytes.fromhex(plain)
    assert device.verify_token(code_of(phone))


def test_a_locked_row_is_opened(phone, plain):
    with transaction.atomic():
        assert TOTPDevice.objects.select_for_update().get().key == plain
        assert TOTPDevice.from_persistent_id(phone.persistent_id, for_verify=True).key == plain


def test_loading_and_saving_cost_no_more_queries_than_ever(alice, phone, use):
    def work():
        with CaptureQueriesContext(connection) as context:
            for device in [*TOTPDevice.objects.all(), *TOTPDevice.objects.defer("name").all()]:
                assert device.bin_key
                device.save()
                device.save(update_fields=["name"])
                device.refresh_from_db()
            TOTPDevice.objects.create(user=alice)
        return len(context)

    TOTPDevice.objects.create(user=alice)
    with_keys = work()
    TOTPDevice.objects.exclude(pk=phone.pk).delete()
    use()
    put(phone, "ab" * 20)
    TOTPDevice.objects.create(user=alice)
    assert work() == with_keys


# Deferred


def test_a_deferred_secret_is_opened_when_it_is_asked_for(phone, plain):
    device = TOTPDevice.objects.defer("key").get()
    assert device.get_deferred_fields() == {"key"}
    assert device.key == plain
    assert device.get_deferred_fields() == set()


def test_a_secret_that_was_loaded_without_its_owner_waits_for_him(phone, plain, django_assert_num_queries):
    device = TOTPDevice.objects.only("key").get()
    assert "user_id" in device.get_deferred_fields()
    with django_assert_num_queries(1):
        assert device.key == plain
    with django_assert_num_queries(0):
        assert device.key == plain
        assert device.user_id == phone.user_id


def test_a_waiting_secret_survives_a_pickle_and_may_be_replaced(phone, plain):
    device = pickle.loads(pickle.dumps(TOTPDevice.objects.only("key").get()))  # noqa: S301 - our own
    assert device.key == plain
    device = TOTPDevice.objects.only("key").get()
    device.key = "cd" * 20
    assert device.key == "cd" * 20
    device.save()
    assert TOTPDevice.objects.get().key == "cd" * 20


def test_saving_a_device_whose_secret_waits_keeps_the_secret(phone, plain):
    before = held(phone)
    device = TOTPDevice.objects.only("key", "name").get()
    device.name = "Another name"
    device.save()
    assert held(phone) == before
    assert TOTPDevice.objects.get().name == "Another name"


@pytest.mark.skipif(django.VERSION < (6, 1), reason="Django has fetch modes from 6.1 on")
@pytest.mark.parametrize("loaded", [["name"], ["name", "user"]])
def test_peers_are_opened_together(alice, bob, phone, plain, loaded, django_assert_max_num_queries):
    other = TOTPDevice.objects.create(user=bob)
    devices = list(TOTPDevice.objects.only(*loaded).fetch_mode(models.FETCH_PEERS).order_by("pk"))
    with django_assert_max_num_queries(2):
        assert [device.key for device in devices] == [plain, other.key]


@pytest.mark.parametrize("fields", [None, ["key"], ["key", "user"], ["name"]])
def test_a_reload_brings_the_secret_that_is_there_now(phone, plain, fields):
    stale = TOTPDevice.objects.get()
    fresh = TOTPDevice.objects.get()
    fresh.key = "ef" * 20
    fresh.save()
    stale.refresh_from_db(fields=fields)
    assert stale.key == (plain if fields == ["name"] else "ef" * 20)


# Writing


def test_update_fields_writes_the_secret_if_it_is_named_and_leaves_it_otherwise(alice, phone):
    before = held(phone)
    phone.key = "ab" * 20
    phone.save(update_fields=["name"])
    assert held(phone) == before
    phone.save(update_fields=["key"])
    assert held(phone) == text_of("ab" * 20, alice)


def test_bulk_writes_seal(alice, bob, plain):
    made = TOTPDevice.objects.bulk_create([TOTPDevice(user=alice, key=plain), TOTPDevice(user=bob, key=plain)])
    assert [held(device) for device in made] == [text_of(plain, alice), text_of(plain, bob)]
    assert [device.key for device in made] == [plain, plain]
    devices = list(TOTPDevice.objects.order_by("pk"))
    devices[0].name = "Another name"
    TOTPDevice.objects.bulk_update(devices, ["name", "key"])
    assert [held(device) for device in devices] == [text_of(plain, alice), text_of(plain, bob)]
    assert TOTPDevice.objects.filter(name="Another name").get().key == plain


def test_bulk_create_with_conflicts_seals(alice, plain):
    (device,) = TOTPDevice.objects.bulk_create([TOTPDevice(pk=5, user=alice, key="12" * 20)])
    TOTPDevice.objects.bulk_create(
        [TOTPDevice(pk=5, user=alice, key=plain)],
        update_conflicts=True,
        update_fields=["key"],
        unique_fields=["id"] if connection.vendor != "mysql" else None,
    )
    assert held(device) == text_of(plain, alice)


def test_update_or_create_and_get_or_create_seal(alice, plain):
    device, made = TOTPDevice.objects.update_or_create(user=alice, defaults={"key": plain})
    assert made
    assert held(device) == text_of(plain, alice)
    device, made = TOTPDevice.objects.update_or_create(user=alice, defaults={"key": "34" * 20})
    assert not made
    assert held(device) == text_of("34" * 20, alice)
    assert TOTPDevice.objects.get_or_create(user=alice)[0].key == "34" * 20


def test_a_loaded_secret_serves_as_a_condition_and_in_an_update(alice, phone, plain):
    loaded = TOTPDevice.objects.get()
    assert TOTPDevice.objects.filter(key=loaded.key).exists()
    assert TOTPDevice.objects.filter(key__in=[loaded.key]).exists()
    assert not TOTPDevice.objects.exclude(key=loaded.key).exists()
    assert TOTPDevice.objects.filter(key=phone.key).exists()
    assert TOTPDevice.objects.update(key=columns.encrypted_for(phone, plain)) == 1
    assert held(phone) == text_of(plain, alice)


def test_what_knows_no_owner_works_with_the_texts_of_the_column(alice, phone, plain):
    assert TOTPDevice.objects.values_list("key", flat=True).get() == text_of(plain, alice)
    TOTPDevice.objects.update(key="56" * 20)
    assert held(phone) == "56" * 20
    device = TOTPDevice.objects.get()
    assert device.key == "56" * 20
    device.save()
    assert held(phone) == text_of("56" * 20, alice)


def test_an_expression_is_left_alone(alice, phone, plain):
    device = TOTPDevice.objects.get()
    device.key = models.F("key")
    device.save()
    assert held(phone) == text_of(plain, alice)


def test_a_save_that_fails_leaves_the_secret_as_it_was(alice, phone, plain):
    device = TOTPDevice.objects.get()
    device.user_id = 999_999
    device.name = None
    with pytest.raises(IntegrityError), transaction.atomic():
        device.save()
    assert device.key == plain
    assert device.bin_key == bytes.fromhex(plain)


def test_signals_of_the_host_see_the_secret_as_they_always_did(alice, plain):
    seen = []

    def look(instance, **_facts):
        seen.append(str(instance.key))

    for signal in (pre_save, post_save):
        signal.connect(look, sender=TOTPDevice)
    try:
        TOTPDevice.objects.create(user=alice, key=plain)
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(look, sender=TOTPDevice)
    assert seen == [plain, plain]


def test_what_was_loaded_before_a_rotation_does_not_bring_the_older_key_back(alice, use, plain):
    use(OLD)
    device = TOTPDevice.objects.create(user=alice, key=plain)
    use(NEW, OLD)
    one, two, three = (TOTPDevice.objects.get() for _ in range(3))
    newest = text_of(plain, alice)
    TOTPDevice.objects.update(key=newest)
    one.save()
    assert held(device) == newest
    TOTPDevice.objects.bulk_update([two], ["key"])
    assert held(device) == newest
    TOTPDevice.objects.update(key=three.key)
    assert held(device) == newest


# Owners


def test_a_device_that_changes_hands_is_sealed_for_its_new_owner(alice, bob, phone, plain):
    device = TOTPDevice.objects.get()
    device.user = bob
    device.save()
    assert held(phone) == text_of(plain, bob)
    assert TOTPDevice.objects.get().key == plain


@pytest.mark.parametrize("names", [["user"], ["user_id"], ["user", "name"], ["user", "key"]])
def test_a_device_changes_hands_without_the_secret_being_named(alice, bob, phone, plain, names):
    device = TOTPDevice.objects.get()
    device.user_id = bob.pk
    device.save(update_fields=names)
    assert held(phone) == text_of(plain, bob)
    assert TOTPDevice.objects.get().key == device.key == plain


def test_an_owner_in_memory_alone_changes_nothing(alice, bob, phone, plain):
    device = TOTPDevice.objects.get()
    device.user = bob
    device.save(update_fields=["name"])
    assert held(phone) == text_of(plain, alice)
    device.save(update_fields=["user"])
    assert TOTPDevice.objects.get().key == plain


def test_a_secret_that_another_process_has_replaced_meanwhile_is_not_taken_along(alice, bob, phone):
    device = TOTPDevice.objects.get()
    put(phone, text_of("78" * 20, alice))
    device.user = bob
    device.save(update_fields=["user"])
    assert held(phone) == text_of("78" * 20, alice)


def test_a_device_is_handed_on_while_it_is_rotated(alice, bob, use, plain):
    use(OLD)
    phone = TOTPDevice.objects.create(user=alice, key=plain)
    use(NEW, OLD)
    device = TOTPDevice.objects.get()
    put(phone, text_of(plain, alice))
    device.user = bob
    device.save(update_fields=["user"])
    assert held(phone) == text_of(plain, bob)


def test_a_copy_of_a_device_is_sealed_for_its_own_owner(alice, bob, phone, plain):
    device = TOTPDevice.objects.get()
    device.pk, device._state.adding = None, True
    device.user = bob
    device.save()
    assert [held(one) for one in TOTPDevice.objects.order_by("pk")] == [text_of(plain, alice), text_of(plain, bob)]
    third = TOTPDevice.objects.create(user=bob, key=phone.key)
    assert held(third) == text_of(plain, bob)


@pytest.mark.parametrize("form", ["{}", " {} ", "0{}"])
def test_the_owner_is_the_same_in_whatever_form_he_is_given(alice, plain, form):
    device = TOTPDevice.objects.create(user_id=form.format(alice.pk), key=plain)
    assert held(device) == text_of(plain, alice)


# Fixtures and forms


@pytest.mark.parametrize("form", ["json", "jsonl", "xml", "python"])
def test_a_dump_by_django_holds_no_secret_and_can_be_loaded(alice, phone, plain, form):
    dumped = serializers.serialize(form, TOTPDevice.objects.all())
    assert plain not in str(dumped)
    put(phone, "00")
    for loaded in serializers.deserialize(form, dumped):
        loaded.save()
    assert held(phone) == text_of(plain, alice)
    assert TOTPDevice.objects.get().key == plain


def test_a_dump_holds_no_secret_that_the_database_still_holds_readable(alice, phone, plain):
    put(phone, plain)
    assert plain not in serializers.serialize("json", TOTPDevice.objects.all())


def test_a_dump_of_what_cannot_be_read_is_loaded_as_it_is(alice, phone, plain, use):
    text = held(phone)
    use(STRANGE)
    dumped = serializers.serialize("json", TOTPDevice.objects.all())
    put(phone, "00")
    for loaded in serializers.deserialize("json", dumped):
        loaded.save()
    assert held(phone) == text
    use(NEW)
    assert TOTPDevice.objects.get().key == plain


def test_readable_secrets_of_a_fixture_are_sealed_when_they_are_loaded(alice, plain, use, tmp_path):
    use()
    device = TOTPDevice.objects.create(user=alice, key=plain)
    fixture = tmp_path / "devices.json"
    call_command("dumpdata", "otp_totp", output=str(fixture), verbosity=0)
    assert plain in fixture.read_text()
    use(NEW)
    call_command("loaddata", str(fixture), verbosity=0)
    assert held(device) == text_of(plain, alice)


def test_a_form_of_the_project_shows_and_writes_the_secret(alice, phone, plain):
    form_class = modelform_factory(TOTPDevice, fields=["name", "key"])
    form = form_class(instance=TOTPDevice.objects.get())
    assert f'value="{plain}"' in form.as_p()
    form = form_class({"name": "x", "key": "9a" * 20}, instance=TOTPDevice.objects.get())
    assert form.is_valid(), form.errors
    form.save()
    assert held(phone) == text_of("9a" * 20, alice)
    form = form_class({"name": "x", "key": held(phone)}, instance=TOTPDevice.objects.get())
    assert not form.is_valid()


def test_the_field_is_what_it_was_to_everybody_who_asks():
    field = TOTPDevice._meta.get_field("key")
    assert isinstance(field, columns.SecretField)
    assert field.deconstruct()[1:] == (
        "django.db.models.CharField",
        [],
        models.CharField(max_length=80, validators=field.validators[:1], default=default_key, help_text=field.help_text).deconstruct()[3],
    )
    assert repr(field) == "<django.db.models.fields.CharField: key>"
    assert field.clone().deconstruct() == (None, *field.deconstruct()[1:])
    assert pickle.loads(pickle.dumps(field)) is field  # noqa: S301 - our own
    assert isinstance(copy(field), columns.SecretField)


def test_connecting_again_changes_nothing(alice, plain):
    before = type(TOTPDevice._meta.get_field("key"))
    columns.connect()
    assert type(TOTPDevice._meta.get_field("key")) is before
    assert [field.column_name for field in columns.columns()].count("otp_totp.totpdevice.key") == 1
    assert held(TOTPDevice.objects.create(user=alice, key=plain)) == text_of(plain, alice)


# A site without keys


def test_without_keys_everything_is_as_it_was(alice, plain, use):
    use()
    device = TOTPDevice.objects.create(user=alice, key=plain)
    assert held(device) == plain
    loaded = TOTPDevice.objects.get()
    assert type(loaded.key) is str
    assert loaded.verify_token(code_of(loaded))
    assert plain in serializers.serialize("json", [loaded])
    assert TOTPDevice.objects.filter(key=plain).exists()


def test_readable_secrets_stay_usable_and_are_sealed_at_the_next_save(alice, phone, plain):
    put(phone, plain)
    device = TOTPDevice.objects.get()
    assert device.key == plain
    assert device.verify_token(code_of(device))
    assert held(phone) == text_of(plain, alice)
