"""`heliograph demo`: everything on this machine, with invented people, to look at in five minutes."""

from heliograph.commands.demo.command import register

__all__ = ["register"]
