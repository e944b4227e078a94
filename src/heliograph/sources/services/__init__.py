"""The services of sources, without pages."""
