"""The places of a site: pages that anybody may see, pages for those who are logged in, and those that ask for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import JsonResponse
from django.urls import path
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from allauth_2fa.admin.site import TwoFactorAdminSite
from allauth_2fa.contrib.rest_framework import TwoFactorRequired
from allauth_2fa.decorators import two_factor_required
from tests.attacks.urls import urlpatterns as login_views

if TYPE_CHECKING:
    from django.http import HttpRequest


@two_factor_required
def vault(request: HttpRequest) -> JsonResponse:
    """Say who is there, to those who have answered in this session."""
    return JsonResponse({"user": request.user.get_username()})


@two_factor_required(max_age=300)
async def pay(request: HttpRequest) -> JsonResponse:
    """Say who is there, to those who have answered of late."""
    user = await request.auser()
    return JsonResponse({"user": user.get_username()})


class Api(APIView):
    """An endpoint of REST framework for those who have a session."""

    renderer_classes = [JSONRenderer]
    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request: HttpRequest) -> Response:
        """Say who is there."""
        return Response({"user": request.user.get_username()})


class SecuredApi(Api):
    """The same, for those who have answered."""

    permission_classes = [TwoFactorRequired]


urlpatterns = [
    *login_views,
    path("vault/", vault),
    path("pay/", pay),
    path("api/", Api.as_view()),
    path("secured-api/", SecuredApi.as_view()),
    path("secured-admin/", TwoFactorAdminSite("secured").urls),
]
