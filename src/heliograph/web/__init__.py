"""The shared parts of all pages: base templates, components, static files, and small helpers for views."""
