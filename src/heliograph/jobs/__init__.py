"""The resumable runner of long work, and the registry of kinds of jobs."""
