"""Secrets at rest: the cipher, the values it reads and writes, and the model fields that hold them."""
