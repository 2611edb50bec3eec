"""The examples of the pages do what the pages say."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from allauth.account.adapter import get_adapter
from django.contrib import admin
from django.core.checks import run_checks
from django.urls import clear_url_caches, path, reverse

from allauth_2fa.audit import events
from allauth_2fa.models import Browser
from allauth_2fa.models.audit import AuditEntry
from allauth_2fa.signals import two_factor_event
from allauth_2fa.testing import login_verified
from tests import urls as test_urls
from tests.cast import PASSWORD, code_of, give_answer, give_password, is_logged_in
from tests.docs.conftest import SHOP
from tests.docs.pages import DOCS, blocks, files, text_of

pytestmark = pytest.mark.django_db

CHALLENGE = "/accounts/two-factor/authenticate/"
SETUP = "/accounts/two-factor/setup/"


def fresh(name):
    """Import a module whose body has to run again."""
    sys.modules.pop(name, None)
    return importlib.import_module(name)


def use_urls(settings, *first):
    """Put these URLs before those of the test project."""

    class Urls:
        urlpatterns = [*first, *test_urls.urlpatterns]

    settings.ROOT_URLCONF = Urls
    clear_url_caches()


def add_middleware(settings, name):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, name]


def warned_of_the_admin():
    return "allauth_2fa.W005" in {message.id for message in run_checks()}


def test_each_example_is_tried_here():
    assert set(SHOP) == {
        "shop/adapter.py",
        "shop/admin.py",
        "shop/celery_adapter.py",
        "shop/celery_tasks.py",
        "shop/consumers.py",
        "shop/desk.py",
        "shop/forms.py",
        "shop/hijack.py",
        "shop/impersonation.py",
        "shop/listening.py",
        "shop/loginas.py",
        "shop/middleware.py",
        "shop/mixed_adapter.py",
        "shop/office.py",
        "shop/office_host.py",
        "shop/open_pages.py",
        "shop/robots.py",
        "shop/rules.py",
        "shop/setup.py",
        "shop/strict_adapter.py",
        "shop/support.py",
        "shop/tasks.py",
        "shop/tasks_adapter.py",
        "shop/static/shop/account.css",
        "shop/templates/allauth_2fa/authenticate.html",
        "shop/templates/allauth_2fa/bootstrap5/head.html",
        "shop/templates/allauth_2fa/theme/head.html",
        "shop/templates/allauth_2fa/theme/logo.html",
        "shop/templates/shop/banner.html",
        "shop/tests.py",
        "shop/trust.py",
        "shop/urls.py",
        "shop/urls_0x.py",
        "shop/views.py",
    }


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_each_block_of_python_can_be_read(page):
    for block in blocks(page.read_text(), "python"):
        compile(block, page.name, "exec")


# guard.md


def test_a_script_is_told_what_is_pending(client, alice, phone, settings):
    client.force_login(alice)  # turned around at the signal; a session from before is what the next line makes
    session = client.session
    session["_auth_user_id"], session["_auth_user_backend"] = str(alice.pk), settings.AUTHENTICATION_BACKENDS[0]
    session["_auth_user_hash"] = alice.get_session_auth_hash()
    session.save()
    response = client.get("/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert response.status_code == 403
    assert response.json() == json.loads(files(text_of("docs/guard.md"))["403"])


def test_support_looks_at_the_site_as_a_user(client, alice, phone, staff, shop, settings):
    settings.ACCOUNT_ADAPTER = "shop.adapter.Adapter"
    use_urls(settings, path("impersonate/<pk>/", importlib.import_module("shop.support").impersonate))
    login_verified(client, staff)
    client.post(f"/impersonate/{alice.pk}/")
    assert client.get("/").text == "user: alice"
    assert not client.get("/").wsgi_request.user.is_verified()
    assert client.get(reverse("two-factor-backup-tokens")).status_code == 403
    assert client.get(reverse("two-factor-overview")).status_code == 403


def test_everybody_else_is_asked_all_the_same(client, alice, phone, shop, settings):
    settings.ACCOUNT_ADAPTER = "shop.adapter.Adapter"
    client.force_login(alice)
    assert not is_logged_in(client)


def test_the_test_of_the_shop_passes(client, django_user_model, shop):
    test = importlib.import_module("shop.tests").test_the_orders_page
    test(client, django_user_model)
    assert client.get("/").text == "user: alice"


# trusted-browsers.md


def test_merchants_of_the_shop_have_no_browser_trusted(client, alice, phone, shop, settings):
    settings.ALLAUTH_2FA_TRUST_DAYS = 30
    settings.ACCOUNT_ADAPTER = "shop.trust.NoTrustForMerchants"
    give_password(client, alice)
    assert "Trust this browser" in client.get(CHALLENGE).text
    alice.groups.create(name="merchants")
    assert "Trust this browser" not in client.get(CHALLENGE).text


# audit-log.md


@pytest.mark.django_db(transaction=True)
def test_the_shop_listens(alice, shop, capsys):
    listening = fresh("shop.listening")
    events.announce("two_factor_off", alice)
    two_factor_event.disconnect(listening.watch)
    assert capsys.readouterr().out == "alice is without a second factor, by alice\n"


# admin.md


def admin_answers(client, user):
    """Log in where the admin leads to, by password, and return where that ends."""
    response = client.get("/admin/", follow=True)
    fields = {"username": user.username, "login": user.username, "password": PASSWORD, "next": "/admin/"}
    return client.post(response.redirect_chain[-1][0], fields, follow=True)


@pytest.mark.parametrize(
    ("urls", "status", "says"),
    [
        ("tests.urls", 200, "Site administration"),
        ("shop.urls_0x", 200, "Site administration"),
        ("shop.urls", 403, "Set up two-factor authentication"),
    ],
)
def test_staff_without_a_factor_in_the_admin(client, staff, shop, settings, restored_admin, urls, status, says):
    settings.ROOT_URLCONF = urls if urls == "tests.urls" else fresh(urls).__name__
    clear_url_caches()
    response = admin_answers(client, staff)
    assert response.status_code == status
    assert says in response.text


@pytest.mark.parametrize("urls", ["tests.urls", "shop.urls_0x", "shop.urls"])
def test_staff_with_a_factor_in_the_admin(client, staff, django_user_model, shop, settings, restored_admin, urls):
    settings.ROOT_URLCONF = urls if urls == "tests.urls" else fresh(urls).__name__
    clear_url_caches()
    device = staff.totpdevice_set.create(confirmed=True, name="Phone")
    response = admin_answers(client, staff)
    assert response.redirect_chain[-1][0].startswith(CHALLENGE)
    response = client.post(response.redirect_chain[-1][0], {"otp_token": code_of(device)}, follow=True)
    assert response.redirect_chain[-1][0] == "/admin/"
    assert "Site administration" in response.text


@pytest.mark.parametrize("urls", ["shop.urls_0x", "shop.urls"])
def test_a_check_warns_of_the_admin_that_nobody_secured(urls, shop, settings, restored_admin):
    assert warned_of_the_admin()
    settings.ROOT_URLCONF = fresh(urls).__name__
    clear_url_caches()
    assert not warned_of_the_admin()


# support.md


def test_support_finds_everybody_on_the_page_of_users(client, alice, staff, shop, settings, restored_admin):
    fresh("shop.admin")
    use_urls(settings, path("admin/", admin.site.urls))
    login_verified(client, staff, staff.totpdevice_set.create(name="Phone"))
    Browser.all_rows.create(user=alice, digest=Browser.OTHERS, failures="1700000000000")
    chosen = {"action": "unlock_owners", "_selected_action": [alice.pk]}
    page = client.post("/admin/auth/user/", chosen)
    assert page.context["owners"] == [alice]
    client.post("/admin/auth/user/", chosen | {"reason": "on the phone"})
    assert not Browser.all_rows.get().failures
    row = AuditEntry.objects.get(event="unlocked")
    assert (row.user_id, row.actor_id, row.facts["how"]) == (alice.pk, staff.pk, "admin")


# requirement.md, as in 0.x


def test_staff_is_forced_to_set_up_a_factor(client, staff, bob, shop, settings):
    add_middleware(settings, "shop.middleware.RequireStaff2FAMiddleware")
    client.force_login(staff)
    assert client.get("/").url == SETUP
    client.force_login(bob)
    assert client.get("/").text == "user: bob"


def test_a_view_for_users_with_a_factor(client, alice, bob, shop, settings):
    (shop / "templates" / "shop").mkdir(exist_ok=True)
    (shop / "templates" / "shop" / "vault.html").write_text("the vault")
    use_urls(settings, path("vault/", importlib.import_module("shop.views").Vault.as_view()))
    assert client.get("/vault/").url == "/accounts/login/?next=/vault/"
    client.force_login(bob)
    assert client.get("/vault/").url == SETUP
    login_verified(client, alice)
    assert client.get("/vault/").text == "the vault"


# extending.md, settings.md


def test_an_adapter_with_another_base(client, alice, phone, shop, settings):
    settings.ACCOUNT_ADAPTER = "shop.mixed_adapter.Adapter"
    assert give_password(client, alice).url.startswith(CHALLENGE)
    assert not [message for message in run_checks() if message.id.startswith("allauth_2fa.E")]
    assert "Sign Up Closed" in client.get("/accounts/signup/").text


def test_an_adapter_that_holds_staff_to_more(client, alice, phone, staff, shop, settings):
    settings.ACCOUNT_ADAPTER = "shop.strict_adapter.Adapter"
    allows = get_adapter().is_factor_allowed
    assert [allows(staff, factor) for factor in ("totp", "email", "sms")] == [True, False, False]
    assert allows(alice, "email")
    give_password(client, alice)
    assert give_answer(client, code_of(phone)).status_code == 302


def test_a_setup_that_names_the_shop(client, bob, shop, settings):
    view = importlib.import_module("shop.setup").Setup.as_view()
    use_urls(settings, path("accounts/two-factor/setup/", view, name="two-factor-setup"))
    give_password(client, bob)
    response = client.get(SETUP)
    assert "The%20shop%3A%20bob%40example.com?" in response.context["otpauth_url"]
    assert "issuer=The%20shop" in response.context["otpauth_url"]


@pytest.mark.parametrize(("module", "view"), [("shop.desk", "SetupForAnother"), ("shop.office", "SetupForStaff")])
def test_a_setup_for_somebody_else(client, alice, shop, settings, django_user_model, module, view):
    use_urls(settings, path("desk/<int:pk>/", getattr(importlib.import_module(module), view).as_view()))
    person = django_user_model.objects.create_user("carol", is_staff=module == "shop.office")
    give_password(client, alice)
    assert client.get(f"/desk/{person.pk}/").status_code == 403
    django_user_model.objects.filter(pk=alice.pk).update(is_superuser=True)
    page = client.get(f"/desk/{person.pk}/")
    assert page.context["account"] == "carol"
    assert "carol" in page.context["otpauth_url"]
    response = client.post(f"/desk/{person.pk}/", {"otp_token": code_of(person.totpdevice_set.get())})
    assert response["Location"] == ("/desk/" if module == "shop.desk" else reverse("two-factor-overview"))
    assert person.totpdevice_set.get().confirmed


def test_a_form_of_the_shop(client, alice, phone, shop, settings):
    values = {}
    exec(blocks(text_of("docs/settings.md"), "python")[0], values)  # noqa: S102 - the block is the page's
    settings.ALLAUTH_2FA_FORMS = values["ALLAUTH_2FA_FORMS"]
    give_password(client, alice)
    assert "Your code" in client.get(CHALLENGE).text
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


# templates.md


def test_a_challenge_of_the_shop(client, alice, phone, shop):
    give_password(client, alice)
    response = client.get(CHALLENGE)
    assert "One more step" in response.text
    assert 'name="otp_token"' in response.text
    give_answer(client, code_of(phone))
    assert is_logged_in(client)


# urls.md


def test_the_include_of_the_pages(client, settings):
    included, _listed = blocks(text_of("docs/urls.md"), "python")
    values = {}
    exec(included, values)  # noqa: S102 - the block is the page's
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": values["urlpatterns"]})
    clear_url_caches()
    assert reverse("two-factor-setup") == SETUP
    assert client.get(SETUP).url.startswith("/accounts/login/")


def test_the_page_that_is_listed_by_itself(settings):
    _included, listed = blocks(text_of("docs/urls.md"), "python")
    values = {}
    exec(listed, values)  # noqa: S102 - the block is the page's
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": values["urlpatterns"]})
    clear_url_caches()
    assert reverse("two-factor-overview") == "/2fa/factors/"
