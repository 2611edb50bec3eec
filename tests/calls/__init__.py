"""How many calls a login costs: what it costs the processor, counted the same on each machine."""
