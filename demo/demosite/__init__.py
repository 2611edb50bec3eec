"""A site that shows allauth_2fa at work."""
