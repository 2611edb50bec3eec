"""allauth's elements for a site that uses Bootstrap 5: an app for ``INSTALLED_APPS``, before ``allauth``.

Bootstrap itself is the site's: ``allauth_2fa/bootstrap5/head.html`` loads it.
"""
