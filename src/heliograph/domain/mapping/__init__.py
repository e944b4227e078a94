"""Mappings: from the facts of a change to what is sent (guide: Mappings; spec M1-M9)."""
