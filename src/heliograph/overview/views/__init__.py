"""The pages of Signal's home."""
