"""A platform with a REST list that behaves as badly as real ones do, in memory and seeded.

It commits late, is edited while it is paged, deletes, repeats rows, gives smaller pages than asked for, and lies about its clock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from heliograph.domain.source.rest_list import RestList
from heliograph.domain.source.source_times import read_time

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_791_981_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATES = ("new", "paid", "attended", "cancelled")


def iso(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True)
class Manners:
    """How the platform behaves."""

    ordered: bool = True
    """Sorted by time of change, else by key."""
    paging: str = "number"
    largest_page: int = 1_000
    most_late: int = 0
    """Microseconds between the time of a change and the time at which it can be seen, at most."""
    clock_lies: int = 0
    """Microseconds by which its header may be wrong."""
    repeats: float = 0.0
    """The share of answers with a row twice."""
    repeats_last_page: bool = False
    """Page numbers after the last one answer with the last page, else with an empty one."""
    edits_between_pages: int = 0
    """Edits right before an answer, at most."""
    most_at_once: int = 25
    """Rows that one edit changes at one time, at most."""
    most_edits: int = 400
    """Edits between pages end with this number: a reader whose pages are slower than the edits would never be done."""
    errors: float = 0.0
    """The share of answers that are 429 or 503."""


@dataclass(frozen=True)
class Version:
    """A row as it is seen from an instant on; no content: it was deleted."""

    visible: int
    modified: int
    content: dict[str, object] | None


@dataclass
class Answer:
    """What the platform sends."""

    status: int
    headers: list[tuple[str, str]]
    json: object = None


@dataclass
class Platform:
    """The platform. Its clock is set by tests, or follows the machine's."""

    manners: Manners
    random: random.Random
    clock: int = START
    rows: dict[str, Version] = field(default_factory=dict)
    pending: dict[str, Version] = field(default_factory=dict)
    step: int = SECOND
    """The time between two edits is one to three of it."""
    edits: int = 0
    requests: int = 0
    quiet: bool = False
    """No more misbehaviour: neither edits between pages nor lies nor errors."""

    # --- what happens at the platform

    def commit(self, *, everything: bool = False) -> None:
        """Shows the changes whose time has come."""
        for key, version in list(self.pending.items()):
            if everything or version.visible <= self.clock:
                self._show(key, version)

    def _show(self, key: str, version: Version) -> None:
        self.pending.pop(key, None)
        if version.content is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = version

    def write(self, key: str, content: dict[str, object] | None, at: int | None = None) -> None:
        """Changes a row, or deletes it. A second transaction on a row waits for the first."""
        if key in self.pending:
            self._show(key, self.pending[key])
        late = self.random.randint(0, self.manners.most_late) if content is not None else 0
        modified = self.clock if at is None else at
        self.edits += 1
        self.pending[key] = Version(self.clock + late, modified, content)
        self.commit()

    def edit(self) -> None:
        """One random edit: a new row, a change, a deletion, or a change of many rows at one time."""
        self.clock += self.random.randint(1, 3) * self.step
        self.commit()
        dice, keys = self.random.random(), sorted(self.rows)
        if dice < 0.3 or not keys:
            self.write(f"k{self.edits:05}", self.content())
        elif dice < 0.8 or (dice >= 0.9 and not self.manners.most_at_once):
            self.write(self.random.choice(keys), self.content())
        elif dice < 0.9:
            self.write(self.random.choice(keys), None)
        else:
            at = self.clock
            for key in self.random.sample(keys, min(len(keys), self.random.randint(2, self.manners.most_at_once))):
                self.write(key, self.content(), at)

    def content(self) -> dict[str, object]:
        return {"state": self.random.choice(STATES), "number": self.edits}

    def fall_quiet(self) -> None:
        """Everything is committed, and it behaves well from now on."""
        self.commit(everything=True)
        self.clock += 30 * MINUTE
        self.quiet = True

    def state(self) -> dict[str, dict[str, object]]:
        """Every row that is there."""
        return {key: self.item(key) for key in self.rows}

    def item(self, key: str) -> dict[str, object]:
        return {"id": key, "changed": iso(self.rows[key].modified), **(self.rows[key].content or {})}

    # --- what it answers

    def get(self, url: str) -> Answer:
        """The answer to a request for a page, or for one item."""
        self.requests += 1
        if not self.quiet:
            for _ in range(self.random.randint(0, self.manners.edits_between_pages) if self.edits < self.manners.most_edits else 0):
                self.edit()
            if self.random.random() < self.manners.errors:
                return self.random.choice([Answer(503, []), Answer(429, [("retry-after", "1")])])
        self.commit()
        parts = urlsplit(url)
        if not parts.path.endswith("/items"):
            key = parts.path.rpartition("/")[2]
            return Answer(200, self.headers(), self.item(key)) if key in self.rows else Answer(404, self.headers())
        return self._page(dict(parse_qsl(parts.query)))

    def _page(self, query: dict[str, str]) -> Answer:
        since = read_time(query["since"]) if "since" in query else None
        keys = [key for key, version in self.rows.items() if since is None or version.modified >= since]
        keys.sort(key=lambda key: (self.rows[key].modified, key) if self.manners.ordered else key)
        size = min(int(query.get("size", "50")), self.manners.largest_page)
        match self.manners.paging:
            case "offset":
                begin = int(query.get("offset", "0"))
            case "cursor" | "link":
                begin = int(query.get("after", "0"))
            case _:
                begin = (int(query.get("page", "1")) - 1) * size
        if begin >= len(keys) and self.manners.repeats_last_page and keys:
            begin = (len(keys) - 1) // size * size
        page = [self.item(key) for key in keys[begin : begin + size]]
        if page and not self.quiet and self.random.random() < self.manners.repeats:
            again = self.random.randrange(len(page))
            page.insert(again, page[again])
        body: dict[str, object] = {"items": page}
        if begin + size < len(keys):
            body["next"] = f"/items?{'&'.join(f'{k}={v}' for k, v in (query | {'after': str(begin + size)}).items())}"
            body["after"] = begin + size
        return Answer(200, self.headers(), body)

    def headers(self) -> list[tuple[str, str]]:
        lie = 0 if self.quiet else self.random.randint(-self.manners.clock_lies, self.manners.clock_lies)
        if self.manners.clock_lies and not self.quiet and self.random.random() < 0.2:
            return []
        return [("date", format_datetime(EPOCH + timedelta(microseconds=self.clock + lie), usegmt=False))]


def description_of(manners: Manners, origin: str = "https://platform.example", **more: object) -> RestList:
    """The list of a platform, as an Administrator describes it."""
    paging = {
        "number": {"page_parameter": "page"},
        "offset": {"page_parameter": "offset"},
        "cursor": {"page_parameter": "after", "next": "after"},
        "link": {"next": "next"},
    }
    return RestList.from_body(
        {
            "address": f"{origin}/items",
            "paging": manners.paging,
            **paging[manners.paging],
            "size_parameter": "size",
            "size": 10,
            "since_parameter": "since",
            "ordered": manners.ordered,
            "items": "items",
            "key": "id",
            "modified": "changed",
            "item_address": origin + "/items/{key}",
            "rate": 6_000,
        }
        | more
    )
