"""Mappings: from the facts of a change to what is sent (guide: Mappings; M1-M9)."""
