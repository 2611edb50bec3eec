"""The login views of the attacks, allauth's headless API, and views that take its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from allauth.headless.contrib.ninja.security import jwt_token_auth, x_session_token_auth
from allauth.headless.contrib.rest_framework.authentication import JWTTokenAuthentication, XSessionTokenAuthentication
from django.urls import include, path
from ninja import NinjaAPI
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.attacks.urls import urlpatterns as login_views

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request


class Orders(APIView):
    """Somebody's orders."""

    permission_classes: ClassVar = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """Say which user they belong to."""
        return Response({"user": request.user.get_username()})


ninja = NinjaAPI(urls_namespace="tokens")


@ninja.get("/session", auth=x_session_token_auth)
def by_session_token(request: HttpRequest) -> dict[str, str]:
    """Say which user the session token shows."""
    return {"user": request.auth.get_username()}


@ninja.get("/jwt", auth=jwt_token_auth)
def by_access_token(request: HttpRequest) -> dict[str, str]:
    """Say which user the access token shows."""
    return {"user": request.user.get_username()}


urlpatterns = [
    *login_views,
    path("_allauth/", include("allauth.headless.urls")),
    path("rest/session", Orders.as_view(authentication_classes=[XSessionTokenAuthentication])),
    path("rest/jwt", Orders.as_view(authentication_classes=[JWTTokenAuthentication])),
    path("rest/token", Orders.as_view(authentication_classes=[TokenAuthentication])),
    path("ninja/", ninja.urls),
    path("dj-rest-auth/registration/", include("dj_rest_auth.registration.urls")),
    path("dj-rest-auth/", include("dj_rest_auth.urls")),
]
