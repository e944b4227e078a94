"""Recipes: connection, mapping, flow and tags in one (B3, F1)."""
