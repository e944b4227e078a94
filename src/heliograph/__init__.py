"""Heliograph: event registrations change; the right webhook goes out."""

__version__ = "0.1.0rc2.dev0"
