"""The URLs of django-otp's test project, allauth's and ours."""

from django.urls import include, path
from test_project.urls import urlpatterns as theirs

urlpatterns = [
    *theirs,
    path("accounts/", include("allauth.urls")),
    path("accounts/two-factor/", include("allauth_2fa.urls")),
]
