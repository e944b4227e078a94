"""Deliveries: actions, lanes, attempts, retries and replay (guide: The Retry Queue; D1-D9, Y1)."""
