"""The URLs, to be included under any prefix: ``path("accounts/two-factor/", include("allauth_2fa.urls"))``."""

from __future__ import annotations

from django.urls import path

from . import compat, views

urlpatterns = [
    path("authenticate/", views.TwoFactorAuthenticate.as_view(), name="two-factor-authenticate"),
    path("setup/", views.TwoFactorSetup.as_view(), name="two-factor-setup"),
    path("backup-tokens/", views.TwoFactorBackupTokens.as_view(), name="two-factor-backup-tokens"),
    path("remove/", views.TwoFactorRemove.as_view(), name="two-factor-remove"),
    path("reauthenticate/", views.TwoFactorReauthenticate.as_view(), name="two-factor-reauthenticate"),
    path("", views.TwoFactorOverview.as_view(), name="two-factor-overview"),
    path("events/", views.TwoFactorEvents.as_view(), name="two-factor-events"),
    path("browsers/", views.TwoFactorBrowsers.as_view(), name="two-factor-browsers"),
    path("add/<str:factor>/", views.TwoFactorAdd.as_view(), name="two-factor-add"),
    path("add-passkey/", views.TwoFactorAddPasskey.as_view(), name="two-factor-add-passkey"),
    path("passkey-login/", views.TwoFactorPasskeyLogin.as_view(), name="two-factor-passkey-login"),
    path("enroll/", views.TwoFactorEnroll.as_view(), name="two-factor-enroll"),
    path("rename/<path:device>/", views.TwoFactorRename.as_view(), name="two-factor-rename"),
    path("prefer/<path:device>/", views.TwoFactorPrefer.as_view(), name="two-factor-prefer"),
    path("remove/<path:device>/", views.TwoFactorRemoveDevice.as_view(), name="two-factor-remove-device"),
]

if not compat.mfa_installed():
    # allauth's account menu shows the page of this name.
    urlpatterns.append(path("", views.TwoFactorOverview.as_view(), name="mfa_index"))
    # allauth looks for the page by this name once it hears of a second factor.
    urlpatterns.append(path("reauthenticate/", views.TwoFactorReauthenticate.as_view(), name=compat.REAUTHENTICATION_PAGE))
