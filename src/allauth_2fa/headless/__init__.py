"""The second factor in allauth's headless API, for single-page apps and mobile apps.

Nothing imports this room unless ``allauth.headless`` is installed. Its views translate: the rooms that judge an answer on a page
judge it here.
"""
