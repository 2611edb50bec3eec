"""The endpoints: a request in, JSON out."""
