"""The pages of Replay."""
