"""The one resumable runner of long work and the registry of its kinds."""
