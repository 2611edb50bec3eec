"""The login views of the attacks, and the headless API with the endpoints of this package."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

API = path("_allauth/", include("allauth_2fa.headless.urls"))

if settings.HEADLESS_ONLY:
    from tests.attacks.urls import custom, who

    # Some views of the site's own, and no page of allauth's or ours. allauth.urls has those to which providers lead back.
    urlpatterns = [
        API,
        path("accounts/", include("allauth.urls")),
        path("who/", who),
        path("logins/custom/", custom),
        path("admin/", admin.site.urls),
    ]
else:
    from tests.attacks.urls import urlpatterns as login_views

    urlpatterns = [*login_views, API]
if apps.is_installed("allauth.mfa"):
    from allauth.mfa.base.views import trust

    # allauth has this page only where a setting was there at import.
    urlpatterns.append(path("accounts/2fa/trust/", trust, name="mfa_trust"))
