"""Pages of the demo site."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_otp.plugins.otp_static.models import StaticToken

from demosite.accounts import ACCOUNTS, PASSWORD
from demosite.outbox import newest_mails
from demosite.phone import demo_codes, own_codes, seconds_left


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Say who is signed in, and which accounts there are to try."""
    codes = demo_codes()
    accounts = [
        {
            "account": account,
            "codes": [code for code in codes if code.username == account.username],
            "recovery_codes": _unused(account.username) if account.recovery_codes else [],
        }
        for account in ACCOUNTS
    ]
    # Browsers have passkeys for names, and for no bare address.
    takes_passkeys = request.get_host().split(":")[0] == settings.OTP_WEBAUTHN_RP_ID
    context = {"accounts": accounts, "password": PASSWORD, "takes_passkeys": takes_passkeys}
    return render(request, "demosite/home.html", context)


@require_safe
@never_cache
def outbox(request: HttpRequest) -> HttpResponse:
    """Show the mails that the site has sent."""
    return render(request, "demosite/outbox.html", {"mails": list(newest_mails())})


@require_safe
@never_cache
def phone(request: HttpRequest) -> JsonResponse:
    """Tell the codes of this moment to the script that keeps pages up to date."""
    if not settings.DEBUG:
        raise Http404
    codes = [*demo_codes(), *own_codes(request)]
    return JsonResponse(
        {
            "codes": {code.device_id: code.code for code in codes},
            "seconds_left": seconds_left(codes),
        }
    )


def _unused(username: str) -> list[str]:
    tokens = StaticToken.objects.filter(device__user__username=username)
    return list(tokens.order_by("token").values_list("token", flat=True).distinct())
