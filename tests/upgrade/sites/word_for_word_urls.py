"""The URLs of 0.x, word for word, with its guard of the admin."""

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.urls import include, path

from tests.upgrade.sites.pages import home

# Ensure users go through the allauth workflow when logging into admin.
admin.site.login = staff_member_required(admin.site.login, login_url="/accounts/login")
# Run the standard admin set-up.
admin.autodiscover()

urlpatterns = [
    # Include the allauth and 2FA urls from their respective packages.
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("accounts/profile/", home),
    path("", home, name="home"),
]
