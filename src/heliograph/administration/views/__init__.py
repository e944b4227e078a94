"""Pages at the door: signing in, one-time links, one's own profile."""
