"""`heliograph demo`: everything on this machine, with invented people, to look at in five minutes."""
