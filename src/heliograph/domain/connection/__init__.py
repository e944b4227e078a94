"""Connections: where and how requests go, and what answers mean (guide: Setting Up Connections; spec C1-C8)."""
