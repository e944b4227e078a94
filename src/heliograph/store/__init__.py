"""The hot tables and their SQL for SQLite and PostgreSQL behind one interface, and the write lock."""
