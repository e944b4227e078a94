"""Base templates, components, charts and static files."""
