"""The forms of 0.x, by their names, and those that came after them."""

from .challenge import TOTPAuthenticateForm, TOTPDeviceRemoveForm, code_field
from .devices import AddDeviceForm, DeviceFactsForm, DeviceNameForm, PasskeyForm, RenameForm, TOTPDeviceForm

__all__ = [
    "AddDeviceForm",
    "DeviceFactsForm",
    "DeviceNameForm",
    "PasskeyForm",
    "RenameForm",
    "TOTPAuthenticateForm",
    "TOTPDeviceForm",
    "TOTPDeviceRemoveForm",
    "code_field",
]
