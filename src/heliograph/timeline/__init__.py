"""The timeline of one registration (X5)."""
