"""The small Django project in which each contender runs."""
