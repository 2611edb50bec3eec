"""The tests that need keys from the start, and the journeys of others on a site that has keys.

They run with settings of their own, in a process of their own, wherever the suite runs. By hand:
``python -m pytest --ds=tests.settings_encrypted_plugins tests/encryption/installed``.
"""

from __future__ import annotations

import pytest

from tests.cast import run_with


@pytest.mark.same_in_each_version
@pytest.mark.timeout(300)
def test_every_journey_passes_with_keys_and_costs_no_more_queries():
    run_with("tests.settings_encrypted", "tests/journeys", "tests/queries")


@pytest.mark.oldest_and_newest
@pytest.mark.timeout(300)
def test_every_device_of_other_plugins_works_with_keys():
    run_with("tests.settings_encrypted_plugins", "tests/encryption/installed", "tests/plugins_of_django_otp/installed/test_any_device.py")


@pytest.mark.same_everywhere
@pytest.mark.timeout(350)
def test_codes_that_are_sent_and_touches_work_with_keys():
    folder = "tests/plugins_of_django_otp/installed"
    run_with("tests.settings_encrypted_plugins", *(f"{folder}/test_{name}.py" for name in ("email", "sms", "yubikey", "permitted_factors")))


@pytest.mark.same_everywhere
@pytest.mark.timeout(300)
def test_attacks_fail_with_keys_as_well():
    run_with(
        "tests.settings_encrypted",
        "tests/attacks/test_setup_secret.py",
        "tests/attacks/test_error_reports.py",
        "tests/attacks/test_replays.py",
    )
