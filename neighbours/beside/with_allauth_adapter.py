"""The account adapter of allauth's tests, with the second factor."""

from tests.projects.common.adapters import AccountAdapter

from allauth_2fa.adapter import TwoFactorAdapterMixin


class Adapter(TwoFactorAdapterMixin, AccountAdapter):
    """As the documentation tells a project that has an adapter of its own."""
