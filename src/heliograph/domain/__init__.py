"""The rules, pure: only the standard library, no clock, no I/O, no randomness."""
