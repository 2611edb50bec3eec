"""From the password to the session: the challenge, a first device, a passkey alone, and the guard."""
