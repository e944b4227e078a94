"""The services of connections, without pages."""
