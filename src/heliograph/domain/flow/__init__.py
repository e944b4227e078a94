"""Flows: which changes they act on, and why (guide: Setting Up Flows; F1-F9)."""
