"""Every statement on the queue: changes, runs, lanes, actions, attempts, and the figures of their states."""
