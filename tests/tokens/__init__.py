"""What reads sessions and tokens past the middleware."""
