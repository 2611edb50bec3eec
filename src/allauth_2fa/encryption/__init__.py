"""Encryption of secrets at rest: the cipher, the values in memory, the model fields, and the sweep over all rows."""
