"""How many attempts may be wrong, in one browser or in all new ones."""
