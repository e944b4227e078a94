"""What all pages share: base templates, components, static files, and small helpers for views."""
