"""The tests. CONTRIBUTING.md tells which folder is for what."""
