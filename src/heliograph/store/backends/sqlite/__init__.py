"""Django's SQLite backend with the write lock."""
