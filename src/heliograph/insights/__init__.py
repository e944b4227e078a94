"""Figures, drill-down, feed, timeline and the Retry pages."""
