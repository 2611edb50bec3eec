"""The pages of the test project, and those by which support looks at it as a user."""

from django.urls import include, path

from tests.attacks.urls import urlpatterns as login_views

urlpatterns = [
    path("hijack/", include("hijack.urls")),
    path("loginas/", include("loginas.urls")),
    path("impersonate/", include("impersonate.urls")),
    *login_views,
]
