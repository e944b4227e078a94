"""The base class of all our errors, and of those that pages answer with 404."""

from __future__ import annotations


class HeliographError(Exception):
    """Something went wrong in Heliograph."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class NotInAccount(HeliographError):
    """The account has no such thing, or has it no longer. Pages answer 404 (accounts/middleware.py)."""
