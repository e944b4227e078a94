"""A connection and its mapping from a preset (B3)."""
