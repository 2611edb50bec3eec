"""The names that projects hold, those of 0.x and those of 1.0: each is there, and takes what it took."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from allauth_2fa import app_settings

# What may be called, overridden or passed by name: the parameters, in their order. ``*`` and ``**`` stand as they are written.
CALLABLES = {
    "adapter.TwoFactorAdapterMixin.has_2fa_enabled": "self user",
    "adapter.TwoFactorAdapterMixin.get_2fa_authenticate_url": "self request",
    "adapter.TwoFactorAdapterMixin.is_impersonated": "self request",
    "adapter.TwoFactorAdapterMixin.is_two_factor_exempt": "self request user",
    "adapter.TwoFactorAdapterMixin.send_two_factor_mail": "self mail",
    "adapter.OTPAdapter.has_2fa_enabled": "self user",
    "adapter.OTPAdapter.get_2fa_authenticate_url": "self request",
    "admin.secure_admin_site": "site",
    "forms.TOTPAuthenticateForm": "user **kwargs",
    "forms.TOTPDeviceForm": "user metadata **kwargs",
    "forms.TOTPDeviceForm.save": "self",
    "forms.TOTPDeviceRemoveForm": "user **kwargs",
    "forms.TOTPDeviceRemoveForm.save": "self",
    "mails.Mail.rendered": "self",
    "mails.send": "rendered",
    "middleware.AllauthTwoFactorMiddleware": "get_response",
    "middleware.BaseRequire2FAMiddleware": "get_response",
    "middleware.BaseRequire2FAMiddleware.is_allowed_page": "self request",
    "middleware.BaseRequire2FAMiddleware.on_require_2fa": "self request",
    "middleware.BaseRequire2FAMiddleware.require_2fa": "self request",
    "mixins.ValidTOTPDeviceRequiredMixin.dispatch": "self request *args **kwargs",
    "mixins.ValidTOTPDeviceRequiredMixin.handle_missing_totp_device": "self",
    "testing.login_verified": "client user device",
    "utils.generate_totp_config_svg": "device issuer label",
    "utils.get_device_base32_secret": "device",
    "utils.get_next_query_string": "request",
    "utils.user_has_valid_totp_device": "user",
    "views.TwoFactorAuthenticate.get_form_class": "self",
    "views.TwoFactorAuthenticate.get_form_kwargs": "self",
    "views.TwoFactorRemove.get_form_class": "self",
    "views.TwoFactorRemove.get_form_kwargs": "self",
    "views.TwoFactorSetup.get_form_class": "self",
    "views.TwoFactorSetup.get_form_kwargs": "self",
    "views.TwoFactorSetup.get_qr_code_data_uri": "self",
    "views.TwoFactorSetup.get_qr_code_kwargs": "self",
}

# What may be set on a subclass.
ATTRIBUTES = {
    "middleware.BaseRequire2FAMiddleware": "allowed_pages require_2fa_message",
    "mixins.ValidTOTPDeviceRequiredMixin": "no_valid_totp_device_url",
    "views.TwoFactorAuthenticate": "form_class template_name success_url",
    "views.TwoFactorBackupTokens": "template_name reveal_tokens",
    "views.TwoFactorReauthenticate": "form_class template_name",
    "views.TwoFactorRemove": "form_class template_name success_url",
    "views.TwoFactorSetup": "form_class template_name success_url",
}

SETTINGS_OF_0X = {
    "ALWAYS_REVEAL_BACKUP_TOKENS",
    "BACKUP_TOKENS_NUMBER",
    "FORMS",
    "REMOVE_SUCCESS_URL",
    "REQUIRE_OTP_ON_DEVICE_REMOVAL",
    "SETUP_SUCCESS_URL",
    "TEMPLATE_EXTENSION",
}


def find(path: str):
    """Return what stands under that path in the package."""
    module, *names = path.split(".")
    found = import_module(f"allauth_2fa.{module}")
    for name in names:
        found = getattr(found, name)
    return found


def parameters(function) -> str:
    """Return the parameters as the table above writes them."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return " ".join(f"{stars.get(one.kind, '')}{one.name}" for one in inspect.signature(function).parameters.values())


@pytest.mark.parametrize(("path", "expected"), CALLABLES.items())
def test_it_takes_what_it_took(path, expected):
    assert parameters(find(path)) == expected


@pytest.mark.parametrize(("path", "names"), ATTRIBUTES.items())
def test_it_can_be_set_on_a_subclass(path, names):
    assert [name for name in names.split() if not hasattr(find(path), name)] == []


@pytest.mark.parametrize("path", ["forms.TOTPAuthenticateForm", "forms.TOTPDeviceForm"])
def test_the_field_of_a_form_is_called_otp_token(path):
    assert "otp_token" in find(path).base_fields


@pytest.mark.parametrize("path", sorted({*CALLABLES, *ATTRIBUTES}))
def test_its_home_is_real_and_no_alias(path):
    owner = find(".".join(path.split(".")[:2]))
    assert owner.__module__.startswith(f"allauth_2fa.{path.split('.')[0]}")


def test_the_settings_of_0x_are_there():
    assert set(app_settings.SETTINGS) >= SETTINGS_OF_0X


def test_the_package_knows_its_version():
    assert import_module("allauth_2fa").__version__
