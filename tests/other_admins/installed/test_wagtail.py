"""Wagtail's admin: its own login form is guarded, and its pages are nobody's who needs a second factor."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from allauth_2fa.checks import find
from allauth_2fa.checks.classify import Kind
from allauth_2fa.testing import login_verified
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in, is_pending

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages")]

CHALLENGE = "/accounts/two-factor/authenticate/"


def log_in_at_wagtail(client, user, **fields):
    """Post Wagtail's own login form."""
    assert client.get("/cms/login/").status_code == 200
    return client.post("/cms/login/", {"username": user.username, "password": PASSWORD, **fields})


@pytest.mark.parametrize("remember", [{}, {"remember": "on"}])
@pytest.mark.parametrize("who", ["staff", "editor"])
def test_a_login_at_wagtails_form_waits_for_the_second_factor_and_then_leads_on(client, request, who, remember):
    user, phone = request.getfixturevalue(who), request.getfixturevalue(f"{who}_phone")
    response = log_in_at_wagtail(client, user, next="/cms/account/", **remember)
    assert response["Location"].startswith(CHALLENGE)
    assert is_pending(client)
    assert not is_logged_in(client)
    response = give_answer(client, code_of(phone))
    assert response["Location"] == "/cms/account/"
    assert client.get(response["Location"]).status_code == 200
    assert client.get("/cms/").status_code == 200


def test_before_the_second_factor_wagtail_shows_nothing(client, editor, editor_phone):
    pages = ("/cms/", "/cms/pages/", "/cms/account/", "/cms/api/main/pages/", "/cms/images/", "/cms/choose-page/")
    for page in pages:
        log_in_at_wagtail(client, editor)
        response = client.get(page)
        assert response["Location"].startswith("/cms/login/?next="), page
    log_in_at_wagtail(client, editor)
    response = client.get("/cms/pages/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert response.status_code == 403


def test_a_wrong_code_opens_nothing_of_wagtails(client, editor, editor_phone):
    log_in_at_wagtail(client, editor)
    give_answer(client, "abcdefgh")
    assert client.get("/cms/")["Location"].startswith("/cms/login/")


def test_an_editor_without_a_factor_enters_by_password_where_nobody_must_have_one(client, editor):
    assert log_in_at_wagtail(client, editor)["Location"] == "/cms/"
    assert client.get("/cms/").status_code == 200


def test_an_editor_who_must_have_a_factor_and_has_none_sees_nothing_of_wagtails(client, editor, settings):
    settings.ALLAUTH_2FA_REQUIRED = ["group:Editors"]
    response = log_in_at_wagtail(client, editor)
    assert response["Location"].startswith("/accounts/two-factor/")
    for page in ("/cms/", "/cms/pages/", "/cms/api/main/pages/"):
        assert client.get(page).status_code == 302, page


def test_wagtail_can_send_its_logins_to_allauth(client, editor, editor_phone, settings):
    settings.WAGTAILADMIN_LOGIN_URL = "account_login"
    response = client.get("/cms/pages/")
    assert response["Location"] == "/accounts/login/?next=/cms/pages/"
    give_password(client, editor, "?next=/cms/pages/")
    response = give_answer(client, code_of(editor_phone))
    assert response["Location"] == "/cms/pages/"
    assert client.get("/cms/", follow=True).status_code == 200


def test_wagtails_logout_ends_a_verified_session(client, editor, editor_phone):
    login_verified(client, editor, editor_phone)
    assert client.get("/cms/").status_code == 200
    client.post("/cms/logout/")
    assert client.get("/cms/")["Location"].startswith("/cms/login/")


def test_wagtails_logout_gives_up_a_pending_login(client, editor, editor_phone):
    log_in_at_wagtail(client, editor)
    client.post("/cms/logout/")
    assert give_answer(client, code_of(editor_phone))["Location"].startswith("/accounts/login/")
    assert not is_logged_in(client)


def test_both_login_forms_of_wagtails_are_named_by_the_checks():
    found = {login_view.view: login_view for login_view in find.login_views() if login_view.kind is Kind.SESSION}
    assert found["wagtail.admin.views.account.LoginView"].route == "cms/login/"
    assert found["django.contrib.auth.views.LoginView"].route == "_util/login/"
    assert all(login_view.is_covered for login_view in found.values())
    told = " ".join(message.msg for message in run_checks() if message.id == "allauth_2fa.W006")
    assert "'cms/login/'" in told
    assert "'_util/login/'" in told


def test_a_page_of_wagtails_for_the_public_asks_for_nobody(client, pages):
    response = client.get("/")
    assert response.status_code == 200
    assert "Cookie" not in response.get("Vary", "")
