"""Sources: how registrations come in by themselves (S1-S9)."""
