"""User models of projects."""
