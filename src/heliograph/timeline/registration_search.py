"""The search in Signal's header: a registration by its code, e-mail, name or organization, or by the webhook-id of an action (X5).

A code and a webhook-id are found by an index. Other words are searched for like those of the list of registrations: in one covering index,
newest first, until a page is full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.webhook_id import created_of
from heliograph.registrations.list import ListedRegistration, RegistrationFilter, Registrations
from heliograph.store.registrations import folded, ids_of_code
from heliograph.store.row_states import ITEM_WAITING
from heliograph.web.cursor import ROWS, Cursor, ListPage, walked

LONGEST: Final = 200
"""Characters of a search; the rest is ignored."""
FIELDS: Final = ("code", "email", "name", "organization", "external_key", "badge_name", "middle_name")
"""The fields in which words are searched for, in the order in which a hit is shown. Name: first and last name."""


@dataclass(frozen=True, slots=True)
class FoundAction:
    """The action of a webhook-id."""

    id: int
    change: int
    event: str
    """The code of its registration's event; "" if there is no registration, or no longer one."""
    code: str
    """The code of its registration, or ""."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A field of a registration that contains words of the search, and its text in three parts."""

    field: str = ""
    """One of FIELDS; "" if none can be shown."""
    before: str = ""
    """The text before the hit."""
    hit: str = ""
    after: str = ""
    """The text after the hit."""


@dataclass(slots=True)
class DeliveryCounts:
    """The numbers of deliveries of a registration, by their state."""

    delivered: int = 0
    pending: int = 0
    waiting: int = 0
    """With the runs that wait for a tag."""
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FoundRegistration:
    """A row of the results."""

    registration: ListedRegistration
    hit: SearchHit
    deliveries: DeliveryCounts = field(default_factory=DeliveryCounts)


@dataclass
class RegistrationSearch:
    """One search in one account."""

    reader: AccountReader
    text: str
    scan_limit: int | None = None
    """How many registrations a page reads at most; None for the limit of the list of registrations."""

    def __post_init__(self) -> None:
        self.text = self.text.strip()[:LONGEST].strip()
        self.words = folded(self.text).split()

    def action(self) -> FoundAction | None:
        """The action whose webhook-id was searched for."""
        uid = self.text.lower()
        created = created_of(uid)
        if created is None:
            return None
        rows = self.reader.db.all(
            "SELECT a.id, a.change_id, e.code, r.code FROM action a LEFT JOIN registration r ON r.id = a.registration_id"
            " LEFT JOIN event e ON e.id = r.event_id WHERE a.account_id = :account AND a.created = :created AND a.uid = :uid",
            {"account": self.reader.account, "created": created, "uid": uid},
        )
        return FoundAction(rows[0][0], rows[0][1], rows[0][2] or "", rows[0][3] or "") if rows else None

    def page(self, cursor: Cursor | None, *, size: int = ROWS) -> ListPage[FoundRegistration]:
        """One page of registrations, the last modified ones first. For a code with a digit, only the registrations of that code."""
        if not self.words or created_of(self.text.lower()) is not None:
            return ListPage([])
        registrations = Registrations(self.reader.db, self.reader.account, self.scan_limit)
        exact = ids_of_code(self.reader.db, self.reader.account, self.text) if any(c.isdigit() for c in self.text) else []
        filters = RegistrationFilter(text=self.text)
        places = (
            ListPage([(0, id) for id in exact])
            if exact
            else walked(lambda at, limit: registrations.places(filters, at, limit), lambda place: place, cursor, size=size)
        )
        rows = registrations.some([id for _modified, id in places.rows])
        deliveries = self._deliveries([row.id for row in rows])
        hits = [FoundRegistration(row, hit_in(row, self.words), deliveries.get(row.id, DeliveryCounts())) for row in rows]
        return places.with_rows(hits)

    def _deliveries(self, ids: Sequence[int]) -> dict[int, DeliveryCounts]:
        """The counts of deliveries, by registration."""
        if not ids:
            return {}
        db, given = self.reader.db, {"account": self.reader.account, "ids": list(ids)}
        where = f"+c.account_id = :account AND {db.member('c.registration_id', 'ids')}"
        counts_by_registration: dict[int, DeliveryCounts] = {}
        for id, state, count in db.all(
            f"SELECT c.registration_id, a.state, count(*) FROM change c JOIN action a ON a.change_id = c.id WHERE {where}"
            " GROUP BY c.registration_id, a.state",
            given,
        ):
            counts = counts_by_registration.setdefault(id, DeliveryCounts())
            name = _COUNTED.get(ActionState(state))
            if name:
                setattr(counts, name, getattr(counts, name) + int(count))
        for id, count in db.all(
            f"SELECT c.registration_id, count(*) FROM change c JOIN stuck_run j ON j.change_id = c.id WHERE {where} AND j.{ITEM_WAITING}"
            " GROUP BY c.registration_id",
            given,
        ):
            counts_by_registration.setdefault(id, DeliveryCounts()).waiting += int(count)
        return counts_by_registration


_COUNTED: Final = {
    ActionState.SUCCESS: "delivered",
    ActionState.PENDING: "pending",
    ActionState.QUEUED: "waiting",
    ActionState.FAILED: "failed",
    ActionState.VALIDATION: "failed",
}


def hit_in(row: ListedRegistration, words: Sequence[str]) -> SearchHit:
    """The field that has most of the words, with the first of them marked."""
    best, most = SearchHit(), 0
    profile = row.state.profile if row.state else {}
    listed_texts = {"code": row.code, "name": row.name, "organization": row.organization}
    for name in FIELDS:
        text = listed_texts.get(name) or profile.get(name, "")
        known = folded(text)
        inside = [word for word in words if word in known]
        if len(inside) > most and (parts := marked(text, inside[0])):
            best, most = SearchHit(name, *parts), len(inside)
    return best


def marked(text: str, word: str) -> tuple[str, str, str] | None:
    """A text before, in and after a folded word, in its own letters; None if the folded text does not contain the word."""
    folds = [folded(letter) for letter in text]
    begins = "".join(folds).find(word)
    if begins < 0 or not word:
        return None
    ends, at, first, last = begins + len(word), 0, len(text), 0
    for index, fold in enumerate(folds):
        if at < ends and at + len(fold) > begins:
            first, last = min(first, index), index + 1
        elif not fold and index == last:  # an accent of its own belongs to the letter before it
            last = index + 1
        at += len(fold)
    return text[:first], text[first:last], text[last:]
