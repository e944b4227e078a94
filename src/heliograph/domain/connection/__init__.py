"""Connections: where and how requests go, and what answers mean (guide: Setting up a Connection; C1-C8)."""
