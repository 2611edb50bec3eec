"""The URLs of a site that leaves the admin as it is."""

from django.contrib import admin
from django.urls import path

from tests.upgrade.sites import bare_urls

urlpatterns = [*bare_urls.urlpatterns, path("admin/", admin.site.urls)]
