"""The browsers of a user: known and trusted ones."""
