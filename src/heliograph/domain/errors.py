"""The base class of all our errors."""

from __future__ import annotations


class HeliographError(Exception):
    """Something went wrong in Heliograph."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)
