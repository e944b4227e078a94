"""Flows: which changes they act on, and why (guide: Setting Up Flows; spec F1-F9)."""
