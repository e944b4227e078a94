"""`heliograph demo`: everything on this machine, with invented people, to look at in five minutes."""

from heliograph.demo.command import register

__all__ = ["register"]
