"""What all pages stand on: base templates, components, static files, and the small helpers of views."""
