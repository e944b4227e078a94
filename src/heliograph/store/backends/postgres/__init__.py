"""Django's PostgreSQL backend with our arrays."""
