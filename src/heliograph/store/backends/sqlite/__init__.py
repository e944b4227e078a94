"""Django's SQLite backend with the write gate."""
