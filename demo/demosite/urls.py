"""Addresses of the demo site."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from allauth_2fa.admin import secure_admin_site
from allauth_2fa.views import RelatedOrigins
from demosite import views

# 2FA: the admin sends people through the site's own sign-in, and asks for a code.
secure_admin_site(admin.site)

urlpatterns = [
    path("", views.home, name="home"),
    # 2FA: before allauth's own addresses.
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    # 2FA: which other domains may use the passkeys of this one. A site of one domain needs no such address.
    path(".well-known/webauthn", RelatedOrigins.as_view()),
    path("admin/", admin.site.urls),
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("demosite/icon.svg"))),
    # Demo only: read the mails, and the codes that a phone would show.
    path("outbox/", views.outbox, name="outbox"),
    path("phone/", views.phone, name="phone"),
]
