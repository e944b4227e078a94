"""Connections: the Connection List, Connection Setup, Save & Test, OAuth2, signing, pause and release (guide: Setting up a Connection)."""
