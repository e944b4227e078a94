"""record(), the one way in: validate, lock, diff, decide, enqueue. Nothing else writes a registration."""
