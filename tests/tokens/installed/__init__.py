"""Tests that need allauth's headless API, REST framework, dj-rest-auth and Channels installed."""
