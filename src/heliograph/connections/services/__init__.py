"""What can be done to connections, without a page."""
