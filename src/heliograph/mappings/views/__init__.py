"""The pages of mappings."""
