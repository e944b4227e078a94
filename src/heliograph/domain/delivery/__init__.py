"""Deliveries: actions, lanes, attempts, retries and replay (guide: The Retry Queue; spec D1-D9, Y1)."""
