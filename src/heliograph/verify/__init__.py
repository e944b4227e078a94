"""`heliograph verify`: kills its own processes under load, and counts from outside what was lost, repeated or out of order (B6, D1, D2, D9)."""

from heliograph.verify.command import register

__all__ = ["register"]
