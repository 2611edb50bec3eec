"""Views of a site that ask for a second factor before they do anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path
from django.views.generic import View
from ninja import NinjaAPI
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from allauth_2fa.admin.site import TwoFactorAdminSite
from allauth_2fa.contrib.ninja import TwoFactorAuth
from allauth_2fa.contrib.rest_framework import TwoFactorRequired
from allauth_2fa.decorators import TwoFactorRequiredMixin, two_factor_action, two_factor_required

if TYPE_CHECKING:
    from django.http import HttpRequest

PAID: list[dict[str, str]] = []


@two_factor_required
def vault(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"vault of {request.user}")


@two_factor_required(max_age=60)
def pay(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        PAID.append({"amount": request.POST["amount"], "to": request.GET.get("to", "")})
    return HttpResponse(f"paid {len(PAID)}")


@two_factor_required(max_age=60)
async def pay_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("paid")


@two_factor_required(factors={"hotp"})
def by_token(request: HttpRequest) -> HttpResponse:
    return HttpResponse("by token")


class Keys(TwoFactorRequiredMixin, View):
    max_age = 60

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("keys")


def about(request: HttpRequest) -> HttpResponse:
    text = "{{ request.two_factor.is_verified }} {{ request.two_factor.factor }} {{ request.two_factor.age|floatformat:0 }}"
    return HttpResponse(engines["django"].from_string(text).render({}, request))


class Fresh(TwoFactorRequired):
    max_age = 60


class Api(APIView):
    renderer_classes = [JSONRenderer]
    authentication_classes = [SessionAuthentication, BasicAuthentication]
    permission_classes = [Fresh]

    def get(self, request: object) -> Response:
        return Response({"ok": True})


class BasicApi(Api):
    authentication_classes = [BasicAuthentication, SessionAuthentication]


api = NinjaAPI(auth=TwoFactorAuth(max_age=60), urls_namespace="stepup")


@api.get("/keys")
def keys(request: HttpRequest) -> dict[str, bool]:
    return {"ok": True}


site = TwoFactorAdminSite("vault")


@admin.register(User, site=site)
class UserAdmin(admin.ModelAdmin):
    actions = ["shut_out"]

    @admin.action(description="Shut out")
    @two_factor_action(max_age=60)
    def shut_out(self, request: HttpRequest, queryset: object) -> None:
        queryset.update(is_active=False)  # type: ignore[attr-defined]


urlpatterns = [
    path("accounts/two-factor/", include("allauth_2fa.urls")),
    path("accounts/", include("allauth.urls")),
    path("vault/", vault),
    path("pay/", pay),
    path("pay-async/", pay_async),
    path("by-token/", by_token),
    path("keys/", Keys.as_view()),
    path("about/", about),
    path("rest/", Api.as_view()),
    path("rest-basic/", BasicApi.as_view()),
    path("ninja/", api.urls),
    path("admin/", site.urls),
]
