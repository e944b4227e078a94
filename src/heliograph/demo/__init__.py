"""`heliograph demo`: the whole product on this machine with invented people, to be seen in five minutes."""

from heliograph.demo.command import register

__all__ = ["register"]
