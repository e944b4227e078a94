"""The base class of all our errors, and the errors for which the middleware has a page (accounts/middleware.py)."""

from __future__ import annotations

from heliograph.domain.sentence_template import Sentence, SentenceValue


class HeliographError(Exception):
    """Something went wrong in Heliograph.

    Its text is English. Pages show `sentence` in the reader's language: accounts.languages.translated(error).
    """

    def __init__(self, message: str | None = None, /, **values: SentenceValue) -> None:
        """message: the template of the values; without one, the docstring of the error's class is the sentence that people read."""
        super().__init__(Sentence(message, **values) if message else self.__doc__)

    @property
    def sentence(self) -> str:
        """Its text, as a Sentence if it has values: what a service passes on to a page."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class NotInAccount(HeliographError):
    """The account has no such thing, or has it no longer. Pages answer 404."""


class TooMuchWork(HeliographError):
    """The account has as many jobs as it may, or they have written as many rows. The sentence is for people and says what to do.

    Pages lead back to where the request came from, and say it there.
    """
