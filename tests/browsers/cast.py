"""What people do who have a browser trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from allauth_2fa.browsers import device_cookie
from tests.cast import code_of, give_answer, give_password

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.http import HttpResponse

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def next_code_of(device: TOTPDevice) -> str:
    """Return a code that the device has not shown yet, without waiting for it."""
    TOTPDevice.objects.filter(pk=device.pk).update(last_t=-1)
    device.refresh_from_db()
    return code_of(device)


def trust(client: Client, user: User, device: TOTPDevice) -> HttpResponse:
    """Log in by password and code, and tick the box."""
    give_password(client, user)
    return give_answer(client, next_code_of(device), trust="on")


def leave(client: Client) -> None:
    """Close the browser: the session is gone, the other cookies stay."""
    client.cookies.pop("sessionid", None)


def come_back(client: Client, user: User) -> HttpResponse:
    """Log in again, later, as far as the password goes."""
    leave(client)
    return give_password(client, user)


def cookie_of(client: Client) -> str:
    """Return what the browser is known by."""
    return client.cookies[device_cookie.COOKIE].value


def with_cookie(value: str) -> Client:
    """Return another browser that has this cookie."""
    client = Client()
    client.cookies[device_cookie.COOKIE] = value
    return client
