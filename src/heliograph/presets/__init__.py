"""Creates a connection and its mapping from a preset (B3)."""
