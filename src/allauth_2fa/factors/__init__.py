"""The factors: each one finds its devices and checks answers, and knows nothing of requests, forms or pages."""
