"""Registrations: the list, the form, bulk changes, and imports."""
