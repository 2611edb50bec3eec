"""Who must have a second factor, of which kind, and since when."""
