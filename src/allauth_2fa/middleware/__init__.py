"""The middleware: the guard of sessions, the reset of pending logins, and 0.x's requirement of a second factor."""

from .guard import AllauthTwoFactorMiddleware
from .required import BaseRequire2FAMiddleware

__all__ = ["AllauthTwoFactorMiddleware", "BaseRequire2FAMiddleware"]
