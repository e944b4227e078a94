"""Numbers of several sequences for one transaction, drawn in one statement."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from heliograph.store.database import Database


class DrawnNumbers:
    """Draws once, and again only where more are taken than were foreseen."""

    def __init__(self, db: Database, foreseen: Mapping[str, int]) -> None:
        """foreseen: how many of each sequence (`store.database.SEQUENCES`)."""
        self._db = db
        self._left = {name: iter(numbers) for name, numbers in db.draw(foreseen).items()}

    def take(self, sequence: str, count: int) -> list[int]:
        """The next numbers of a sequence, ascending."""
        numbers = list(islice(self._left.get(sequence, iter(())), count))
        if len(numbers) < count:
            numbers += self._db.draw({sequence: count - len(numbers)})[sequence]
        return numbers
