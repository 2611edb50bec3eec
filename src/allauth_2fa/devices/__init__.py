"""What a user holds: adding, sending to, naming and removing devices."""
