"""The Retry Queue (guide: The Retry Queue)."""
