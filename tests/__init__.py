"""The tests. CONTRIBUTING.md explains the folders."""
