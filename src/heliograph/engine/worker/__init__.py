"""The worker: reads lanes, builds requests, sends them and settles their outcomes."""
