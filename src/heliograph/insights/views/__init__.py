"""The pages of Metrics."""
