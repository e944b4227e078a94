"""The base class of all our errors, and the errors for which the middleware has a page (accounts/middleware.py)."""

from __future__ import annotations


class HeliographError(Exception):
    """Something went wrong in Heliograph."""

    def __init__(self, message: str | None = None) -> None:
        # without a message, the docstring of the error's class is the sentence that people read
        super().__init__(message or self.__doc__)


class NotInAccount(HeliographError):
    """The account has no such thing, or has it no longer. Pages answer 404."""


class TooMuchWork(HeliographError):
    """The account has as many jobs as it may, or they have written as many rows. The sentence is for people and says what to do.

    Pages lead back to where the request came from, and say it there.
    """
