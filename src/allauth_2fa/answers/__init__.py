"""From what a user typed, or a passkey's JSON, to a verdict."""
