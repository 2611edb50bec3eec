"""What this package uses of allauth beyond what allauth promises: each thing by its name, and that it is still there.

A new release of allauth that fails here has renamed something; ``compat.py`` is where to mend it.
"""

from __future__ import annotations

import ast
import json
from functools import partial
from pathlib import Path

import allauth
import pytest
from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.sessions.backends.db import SessionStore

import allauth_2fa
from allauth_2fa import compat
from allauth_2fa.sessions import reauthentication
from tests.contracts.processes import ROOT, run_python

PACKAGE, ALLAUTH = Path(allauth_2fa.__file__).parent, Path(allauth.__file__).parent

# Everything that compat.py imports or reaches, and what it takes it for.
COMPAT = {
    "allauth.account.app_settings.LOGIN_TIMEOUT": "value",
    "allauth.account.app_settings.RATE_LIMITS": "value",
    "allauth.account.app_settings.REAUTHENTICATION_TIMEOUT": "value",
    "allauth.account.internal.decorators.login_stage_required": "stage redirect_urlname",
    "allauth.account.internal.flows.login.AUTHENTICATION_METHODS_SESSION_KEY": "value",
    "allauth.account.internal.flows.login._AUTHENTICATION_METHODS_USER_SESSION_KEY": "value",
    "allauth.account.internal.flows.login.get_authentication_records": "request user",
    "allauth.account.internal.flows.login.perform_login": "request login",
    "allauth.account.internal.flows.login.record_authentication": "request user method extra_data",
    "allauth.account.internal.flows.login.resume_login": "request login",
    "allauth.account.internal.flows.reauthentication.STATE_SESSION_KEY": "value",
    "allauth.account.internal.flows.reauthentication.did_recently_reauthenticate": "request",
    "allauth.account.internal.flows.reauthentication.get_reauthentication_flows": "user",
    "allauth.account.internal.flows.reauthentication.is_reauthentication_required": "request app",
    "allauth.account.internal.flows.reauthentication.resume_request": "request",
    "allauth.account.internal.flows.reauthentication.stash_and_reauthenticate": "request state callback",
    "allauth.account.internal.flows.reauthentication.suspend_request": "request redirect_to",
    "allauth.account.internal.stagekit.LOGIN_SESSION_KEY": "value",
    "allauth.account.internal.stagekit.clear_login": "request",
    "allauth.account.internal.stagekit.stash_login": "request login",
    "allauth.account.internal.stagekit.unstash_login": "request peek",
    "allauth.account.internal.templatekit.get_entrance_context_data": "request",
    "allauth.account.internal.userkit.user_display": "user",
    "allauth.account.models.Login": "class",
    "allauth.account.stages.EmailVerificationStage": "class",
    "allauth.account.stages.LoginByCodeStage": "class",
    "allauth.account.stages.LoginStage": "class",
    "allauth.account.stages.LoginStageController": "class",
    "allauth.account.stages.PhoneVerificationStage": "class",
    "allauth.account.views.BaseReauthenticateView": "class",
    "allauth.app_settings.HEADLESS_ENABLED": "value",
    "allauth.app_settings.HEADLESS_ONLY": "value",
    "allauth.app_settings.MFA_ENABLED": "value",
    "allauth.app_settings.USERSESSIONS_ENABLED": "value",
    "allauth.core.context.request": "value",
    "allauth.core.context.request_context": "request",
    "allauth.core.internal.httpkit.headed_redirect_response": "viewname query",
    "allauth.core.internal.httpkit.is_headless_request": "request",
    "allauth.core.internal.ratelimit.consume": "request app action config key user dry_run limit_get raise_exception",
    "allauth.core.internal.sessionkit.get_session_user": "session",
    "allauth.core.internal.sessionkit.get_user": "request",
    "allauth.headless.app_settings.JWT_ACCESS_TOKEN_EXPIRES_IN": "value",
    "allauth.headless.app_settings.JWT_STATEFUL_VALIDATION_ENABLED": "value",
    "allauth.headless.app_settings.TOKEN_STRATEGY": "value",
    "allauth.headless.internal.authkit.get_user": "request",
    "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy": "class",
    "allauth.mfa.signals.authenticator_added": "value",
    "allauth.mfa.stages.AuthenticateStage": "class",
    "allauth.mfa.stages.TrustStage": "class",
    "allauth.usersessions.adapter.get_adapter": "",
    # Ours stands there by then, over the function that sessionkit calls.
    "allauth.usersessions.models.get_session_user": "request",
}

# The same for headless/compat.py, which a site without the headless API never imports.
HEADLESS_COMPAT = {
    "allauth.account.internal.flows.reauthentication.did_recently_reauthenticate": "request",
    "allauth.app_settings.MFA_ENABLED": "value",
    "allauth.core.exceptions.ImmediateHttpResponse": "class",
    "allauth.headless.app_settings.CLIENTS": "value",
    "allauth.headless.app_settings.SERVE_SPECIFICATION": "value",
    "allauth.headless.base.response.APIResponse": "class",
    "allauth.headless.base.response.AuthenticationResponse": "class",
    "allauth.headless.base.response.ConfigResponse": "class",
    "allauth.headless.base.response.ConflictResponse": "class",
    "allauth.headless.base.response.ForbiddenResponse": "class",
    "allauth.headless.base.response.ReauthenticationResponse": "class",
    "allauth.headless.base.response.UnauthorizedResponse": "class",
    "allauth.headless.base.views.APIView": "class",
    "allauth.headless.base.views.AuthenticatedAPIView": "class",
    "allauth.headless.base.views.AuthenticationStageAPIView": "class",
    "allauth.headless.constants.Client": "class",
    "allauth.headless.constants.Client.APP": "value",
    "allauth.headless.constants.Client.BROWSER": "value",
    "allauth.headless.internal.restkit.response.ErrorResponse": "class",
    "allauth.headless.urls.build_urlpatterns": "client",
}

# The same for headless/description.py, which is imported when such a site starts.
DESCRIPTION = {
    "allauth.headless.base.response.BaseAuthenticationResponse": "class",
    "allauth.headless.base.response.BaseAuthenticationResponse._enrich_mfa_flow": "self stage flow",
    "allauth.headless.base.response.BaseAuthenticationResponse._get_flows": "self request user",
    "allauth.headless.constants.Flow": "class",
    "allauth.headless.constants.Flow.MFA_LOGIN_WEBAUTHN": "value",
}

# What stands in the package as a string, because importing it demands that allauth.mfa is installed.
BY_NAME = {
    "allauth.mfa.app_settings": "module",
    "allauth.mfa.webauthn.internal.auth": "module",
    "allauth.mfa.models.Authenticator": "class",
    "allauth.mfa.webauthn.stages.PasskeySignupStage": "class",
    "allauth.usersessions.models.UserSession": "class",
}

# The methods and hooks of allauth's classes that ours override, call or rely on.
RELIED_ON = {
    "allauth.account.adapter.DefaultAccountAdapter.add_message": ("self request level message_template message_context extra_tags message"),
    "allauth.account.adapter.DefaultAccountAdapter.can_delete_email": "self email_address",
    "allauth.account.adapter.DefaultAccountAdapter.confirm_email": "self request email_address",
    "allauth.account.adapter.DefaultAccountAdapter.get_login_stages": "self",
    "allauth.account.adapter.DefaultAccountAdapter.is_reauthentication_required": "self app kwargs",
    "allauth.account.adapter.DefaultAccountAdapter.get_reauthentication_methods": "self user",
    "allauth.account.adapter.DefaultAccountAdapter.get_client_ip": "self request",
    "allauth.account.adapter.DefaultAccountAdapter.get_http_user_agent": "self request",
    "allauth.account.adapter.DefaultAccountAdapter.login": "self request user",
    "allauth.account.adapter.DefaultAccountAdapter.send_mail": "self template_prefix email context",
    "allauth.account.models.EmailAddress": "class",
    "allauth.account.models.Login.deserialize": "data",
    "allauth.account.models.Login.serialize": "self",
    "allauth.account.stages.LoginStage.abort": "self",
    "allauth.account.stages.LoginStage.exit": "self",
    "allauth.account.stages.LoginStage.handle": "self",
    "allauth.account.stages.LoginStageController.get_stages": "self",
    "allauth.account.stages.LoginStageController.handle": "self",
    "allauth.account.stages.LoginStageController.set_handled": "self stage_key",
    "allauth.headless.base.response.APIResponse.__init__": "self request errors data meta status",
    "allauth.headless.base.response.ConfigResponse.__init__": "self request",
    "allauth.headless.base.views.APIView.as_api_view": "initkwargs",
    "allauth.headless.base.views.AuthenticationStageAPIView.handle": "self request args kwargs",
    "allauth.headless.internal.restkit.views.RESTView._parse_json": "self request",
    "allauth.headless.internal.restkit.views.RESTView.handle": "self request args kwargs",
    "allauth.headless.mfa.views.AuthenticateView": "class",
    "allauth.headless.mfa.views.AuthenticateWebAuthnView": "class",
    "allauth.headless.mfa.views.AuthenticatorsView": "class",
    "allauth.headless.mfa.views.LoginWebAuthnView": "class",
    "allauth.headless.mfa.views.ManageRecoveryCodesView": "class",
    "allauth.headless.mfa.views.ManageTOTPView": "class",
    "allauth.headless.mfa.views.ManageWebAuthnView": "class",
    "allauth.headless.mfa.views.ReauthenticateView": "class",
    "allauth.headless.mfa.views.ReauthenticateWebAuthnView": "class",
    "allauth.headless.mfa.views.SignupWebAuthnView": "class",
    "allauth.headless.mfa.views.TrustView": "class",
    "allauth.mfa.app_settings.PASSKEY_LOGIN_ENABLED": "value",
    "allauth.mfa.app_settings.PASSKEY_SIGNUP_ENABLED": "value",
    "allauth.mfa.webauthn.internal.auth.UserVerificationRequirement": "class",
    "allauth.mfa.webauthn.internal.auth.get_server": "",
    "allauth.mfa.webauthn.internal.auth.set_state": "state",
    "allauth.mfa.webauthn.internal.auth.websafe_decode": "data",
    "allauth.usersessions.adapter.DefaultUserSessionsAdapter.end_sessions": "self sessions",
    "allauth.usersessions.models.UserSession.session_key": "value",
    "allauth.usersessions.models.UserSessionManager.create_from_request": "self request",
    "allauth.account.utils.user_email": "user args commit",
    "allauth.utils.get_form_class": "forms form_id default_form",
}


def is_module(path: str) -> bool:
    """Return whether the dotted name is a module. It is not imported: some demand that other parts are installed."""
    file = Path(allauth.__file__).parent.parent.joinpath(*path.split("."))
    return file.is_dir() or file.with_suffix(".py").exists()


class Uses(ast.NodeVisitor):
    """The things of allauth's that a module imports, and what it reaches through those."""

    def __init__(self, source: str) -> None:
        self.local: dict[str, str] = {}
        self.found: set[str] = set()
        tree = ast.parse(source)
        self.visit(tree)
        self.found |= {path for path in self.local.values() if not is_module(path)}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and node.module.split(".")[0] == "allauth":
            self.local |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in self.local:
            self.found.add(f"{self.local[node.value.id]}.{node.attr}")
        self.generic_visit(node)


@pytest.fixture(scope="module")
def described() -> dict[str, str]:
    """What each name is on a site that has every part of allauth's."""
    names = [*COMPAT, *HEADLESS_COMPAT, *DESCRIPTION, *BY_NAME, *RELIED_ON]
    script = str(ROOT / "tests" / "contracts" / "allauth_names.py")
    return json.loads(run_python(script, *names, settings="tests.upgrade.sites.beside_mfa"))


@pytest.mark.parametrize(("path", "expected"), (COMPAT | HEADLESS_COMPAT | DESCRIPTION | BY_NAME | RELIED_ON).items())
def test_it_is_there_and_takes_what_it_took(described, path, expected):
    assert described[path] == expected


# What compat.py replaces, for callers that look there at call time.
REPLACED = {
    *("did_recently_reauthenticate", "get_reauthentication_flows"),
    *("suspend_request", "stash_and_reauthenticate", "resume_request"),
}


def test_each_part_of_allauth_asks_for_what_we_have_replaced_when_it_needs_it():
    """An import at the top of a module would have kept allauth's own function."""
    keepers = {
        f"{path.relative_to(ALLAUTH)}: {alias.name}"
        for path in ALLAUTH.rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in REPLACED
    }
    assert keepers == set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ask",
    [
        reauthentication_required(lambda _request: None),
        partial(compat.reauthentication.raise_if_reauthentication_required, app="allauth.account"),
    ],
)
def test_whatever_asks_whether_a_reauthentication_is_recent_asks_us(rf, settings, alice, phone, ask):
    """allauth alone would let a user without a password pass."""
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = True
    alice.set_unusable_password()
    request = rf.get("/")
    request.user, request.session = alice, SessionStore()
    with pytest.raises(ReauthenticationRequired):
        ask(request)
    phone.delete()
    ask(request)


def test_allauths_reauthentication_is_joined_once():
    joined = [getattr(compat.reauthentication, name) for name in sorted(REPLACED)]
    compat.join_reauthentication(reauthentication.is_recent, reauthentication.flows_of, reauthentication.keep, reauthentication.resume)
    assert [getattr(compat.reauthentication, name) for name in sorted(REPLACED)] == joined


USERS = {"compat.py": COMPAT, "headless/compat.py": HEADLESS_COMPAT, "headless/description.py": DESCRIPTION}


@pytest.mark.parametrize(("module", "named"), USERS.items())
def test_each_thing_that_compat_uses_is_named_here(module, named):
    uses = Uses((PACKAGE / module).read_text()).found
    # A class is reached for its name, a signal to be connected: that tells nothing about allauth.
    assert {path for path in uses if not path.endswith(("__module__", "__qualname__", "authenticator_added.connect"))} == set(named)


def test_strings_that_name_something_of_allauths_are_named_here():
    strings = {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("allauth.mfa.")
    }
    assert {text for text in strings if text.replace(".", "").isidentifier()} <= {*COMPAT, *BY_NAME}


def test_only_compat_knows_what_allauth_does_not_promise():
    offenders = {
        f"{path.relative_to(PACKAGE)}: {used}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "compat.py"
        for used in Uses(path.read_text()).local.values()
        if ".internal" in used or used.startswith("allauth.account.stages")
    }
    assert offenders == set()
