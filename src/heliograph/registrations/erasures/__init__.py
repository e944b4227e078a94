"""Erasing one person everywhere (B7): who it is, what is known and who was told, the job, and what sources propose."""
