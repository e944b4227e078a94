"""Eventbrite's list of attendees as its public documentation has it, on loopback: strict about what it is asked (S3).

It refuses (400) a parameter or a value that is not documented, and (401) what has no Bearer token. The order of the list is not documented: here it is
shuffled anew for each reading. Times are in UTC and whole seconds. An attendee who is deleted leaves the list, and answers 404.
"""

from __future__ import annotations

import random
import re
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from tests.rest_platform import EPOCH, Answer, Manners, Platform
from tests.rest_stub import RestStub

EVENT: Final = "710598168"
LIST: Final = f"/v3/events/{EVENT}/attendees/"
STATUSES: Final = ("Attending", "Checked In", "Not Attending")
TOKEN: Final = "EB-PRIVATE-TOKEN"
PAGE: Final = 50
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class EventbritePlatform(Platform):
    """The attendees of one event."""

    def __init__(self, manners: Manners, random: random.Random) -> None:
        super().__init__(manners, random)
        self._listings: list[list[str]] = []  # the keys of each reading; its number and the next place are in the continuation

    def content(self) -> dict[str, object]:
        return {"status": self.random.choice(STATUSES), "number": self.edits}

    def written(self, at: int) -> str:
        """A time as it writes it."""
        return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def write(self, key: str, content: dict[str, object] | None, at: int | None = None) -> None:
        """Attendees have numbers."""
        super().write(str(10_000_000 + int(key[1:])) if key.startswith("k") else key, content, at)

    def item(self, key: str) -> dict[str, object]:
        version = self.rows[key]
        content = version.content or {}
        return {
            "resource_uri": f"https://www.eventbriteapi.com{LIST}{key}/",
            "id": key,
            "changed": self.written(version.modified),
            "created": self.written(version.modified),
            "quantity": 1,
            "profile": {
                "name": f"Mira {content['number']}",
                "first_name": "Mira",
                "last_name": str(content["number"]),
                "email": f"M{key}@Example.org",
            },
            "answers": [],
            "checked_in": content["status"] == "Checked In",
            "cancelled": content["status"] == "Not Attending",
            "refunded": False,
            "status": content["status"],
            "ticket_class_name": "Guest",
            "event_id": EVENT,
            "order_id": f"9{key}",
        }

    def get(self, url: str) -> Answer:
        """The answer to a request for the list, or for one attendee."""
        self.requests += 1
        parts = urlsplit(url)
        if self.random.random() < self.manners.errors and not self.quiet:
            return Answer(429, [("retry-after", "1")])
        if not self.quiet and self.manners.edits_between_pages and self.edits < self.manners.most_edits:
            for _ in range(self.random.randint(0, self.manners.edits_between_pages)):
                self.edit()
        self.commit()
        if parts.path == LIST:
            return self._list(dict(parse_qsl(parts.query, keep_blank_values=True)))
        key = parts.path.removeprefix(LIST).removesuffix("/")
        if parts.path != f"{LIST}{key}/" or key not in self.rows:
            return Answer(
                404, self.headers(), {"status_code": 404, "error": "NOT_FOUND", "error_description": "What you asked for is not here."}
            )
        return Answer(200, self.headers(), self.item(key))

    def _list(self, query: dict[str, str]) -> Answer:
        continuation, since = query.pop("continuation", None), query.pop("changed_since", None)
        if query or (since is not None and not _TIME.fullmatch(since)):
            return Answer(400, self.headers(), {"status_code": 400, "error": "ARGUMENTS_ERROR"})
        if continuation is None:
            keys = [key for key, version in self.rows.items() if since is None or self.written(version.modified) >= since]
            self.random.shuffle(keys)
            self._listings.append(keys)
            number, start = len(self._listings) - 1, 0
        else:
            number, start = map(int, continuation.split("-"))
        keys, size = self._listings[number], min(PAGE, self.manners.largest_page)
        page = [self.item(key) for key in keys[start : start + size] if key in self.rows]
        has_more = start + size < len(keys)
        pagination: dict[str, object] = {"object_count": len(keys), "page_size": size, "has_more_items": has_more}
        if has_more:
            pagination["continuation"] = f"{number}-{start + size}"
        return Answer(200, self.headers(), {"pagination": pagination, "attendees": page})


class EventbriteStub(RestStub):
    """Serves the platform to a private token."""

    def __init__(self, platform: EventbritePlatform) -> None:
        super().__init__(platform, accepts=lambda authorization: authorization == f"Bearer {TOKEN}")
