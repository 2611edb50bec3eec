"""allauth's own specification of the API, served with our endpoints, and held against them."""

from __future__ import annotations

import pytest
from django.urls import include, path, resolve

from allauth_2fa.headless import compat, urls
from tests.cast import code_of, wrong_code_of
from tests.headless.clients import Browser

pytest.importorskip("yaml", reason="allauth reads its specification with PyYAML")

pytestmark = pytest.mark.django_db


@pytest.fixture
def served(settings, client):
    """The specification, as a site serves it."""
    settings.HEADLESS_SERVE_SPECIFICATION = True

    class Site:
        urlpatterns = (path("_allauth/", include(([*urls.urlpatterns, *compat.specification()], "headless"))),)

    settings.ROOT_URLCONF = Site
    response = client.get("/_allauth/openapi.json")
    assert response.status_code == 200
    return response.json()


OURS = {
    *(f"/_allauth/{{client}}/v1/auth/2fa/{name}" for name in ("authenticate", "reauthenticate")),
    *(f"/_allauth/{{client}}/v1/auth/webauthn/{name}" for name in ("authenticate", "reauthenticate", "login", "signup")),
    "/_allauth/{client}/v1/account/authenticators",
    *(f"/_allauth/{{client}}/v1/account/authenticators/{name}" for name in ("totp", "recovery-codes", "webauthn")),
    "/_allauth/{client}/v1/config",
    "/_allauth/browser/v1/auth/2fa/trust",
}

METHODS = {"get", "post", "put", "delete", "patch"}


def test_each_endpoint_that_is_specified_is_there_with_its_methods(served):
    assert served["paths"].keys() >= OURS
    for specified in OURS:
        for client in ("browser", "app"):
            view = resolve(specified.format(client=client)).func.view_class
            assert view.__module__.startswith("allauth_2fa.headless.")
            missing = {method for method in METHODS & served["paths"][specified].keys() if not hasattr(view, method)}
            assert missing == set()


def test_the_answers_have_the_parts_that_are_specified(served, settings, alice, phone):
    settings.ROOT_URLCONF = "tests.headless.urls"
    schemas = served["components"]["schemas"]
    browser = Browser()
    flows = browser.log_in(alice).json()["data"]["flows"]
    (error,) = browser.answer(wrong_code_of(phone)).json()["errors"]
    assert set(schemas["ErrorResponse"]["properties"]["errors"]["items"]["required"]) <= error.keys()
    type(phone).objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    answer = browser.answer(code_of(phone)).json()
    assert set(schemas["AuthenticatedResponse"]["required"]) <= answer.keys()
    types = schemas["AuthenticatorType"]["enum"]
    assert all(set(flow.get("types", [])) <= set(types) for flow in flows)
    assert set(browser.get("config").json()["data"]["mfa"]["supported_types"]) <= set(types)
