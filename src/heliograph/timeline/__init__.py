"""The timeline of one registration (spec X5)."""
