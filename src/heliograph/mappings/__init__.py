"""Mappings: the list, the editor, the preview (guide: Mappings)."""
