"""A connection and its mapping from a preset (spec B3)."""
