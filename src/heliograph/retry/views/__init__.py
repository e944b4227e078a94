"""The pages of the Retry Queue."""
