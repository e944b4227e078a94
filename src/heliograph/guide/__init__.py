"""The guide (docs/guide) as pages of the product: its chapters, its search, and which screen belongs to which chapter."""
