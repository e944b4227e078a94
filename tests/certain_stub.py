"""Certain's list of registrations as its public documentation has it, on loopback: strict about what it is asked, and as awkward as it is said to be (S5).

It refuses (400) a parameter or a value that is not documented, and (401) what has no Basic sign-in. A list with nothing in it answers 404. Times
have no zone and no fractions of a second. `start_index` is the number of an item. A deleted registration is not active, or is gone.
"""

from __future__ import annotations

import base64
import random
import re
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from tests.rest_platform import EPOCH, Answer, Manners, Platform
from tests.rest_stub import RestStub

LIST: Final = "/certainExternal/service/v1/Registration/ACME/SUMMIT-26"
STATUSES: Final = ("New", "Attended", "Cancelled", "No-show")
INCLUDES: Final = frozenset(
    [
        "registration_questions",
        "travel_questions",
        "reg_properties",
        "groups",
        "financial",
        "order_code",
        "profile_questions",
        "assistant",
        "additional",
        "tags",
    ]
)
ORDERS: Final = frozenset(
    f"{name}_{way}" for name in ("dateModified", "statusModified", "dateCreated", "registrationCode") for way in ("asc", "desc")
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class CertainPlatform(Platform):
    """The registrations of one event."""

    def __init__(self, manners: Manners, random: random.Random, zone: str = "UTC") -> None:
        super().__init__(manners, random)
        self.zone = ZoneInfo(zone)

    def written(self, at: int) -> str:
        """A time as it writes it: of its own zone, in whole seconds."""
        return (EPOCH + timedelta(microseconds=at)).astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def content(self) -> dict[str, object]:
        return {"status": self.random.choice(STATUSES), "number": self.edits, "active": True}

    def write(self, key: str, content: dict[str, object] | None, at: int | None = None) -> None:
        """A deletion clears Is Active half of the time, else the row is gone."""
        if content is None and self.random.random() < 0.5 and key in self.rows:
            content = {"status": "Cancelled", "number": self.edits, "active": False}
        super().write(key, content, at)

    def item(self, key: str) -> dict[str, object]:
        version = self.rows[key]
        content = version.content or {}
        return {
            "registrationCode": key,
            "registrationStatusLabel": content["status"],
            "isActive": content["active"],
            "attendeeType": "",
            "orderCode": key,
            "dateModified": self.written(version.modified),
            "profile": {
                "firstName": "Mira",
                "lastName": str(content["number"]),
                "email": f"{key}@example.org",
                "position": "",
                "organization": "",
            },
        }

    def get(self, url: str) -> Answer:
        """The answer to a request for the list, or for one registration."""
        self.requests += 1
        parts = urlsplit(url)
        if self.random.random() < self.manners.errors and not self.quiet:
            return Answer(429, [])
        if not self.quiet and self.manners.edits_between_pages and self.edits < self.manners.most_edits:
            for _ in range(self.random.randint(0, self.manners.edits_between_pages)):
                self.edit()
        self.commit()
        if parts.path.startswith(f"{LIST}/"):
            key = parts.path.removeprefix(f"{LIST}/")
            return Answer(200, self.headers(), self.item(key)) if key in self.rows else Answer(404, self.headers())
        if parts.path != LIST:
            return Answer(404, self.headers())
        return self._list(dict(parse_qsl(parts.query, keep_blank_values=True)))

    def _list(self, query: dict[str, str]) -> Answer:
        start, most = query.pop("start_index", "0"), query.pop("max_results", "100")
        after, order, include = (
            query.pop("dateModified_after", ""),
            query.pop("orderBy", "registrationCode_asc"),
            query.pop("includeList", ""),
        )
        is_refused = (
            query
            or not (start.isdigit() and most.isdigit() and 1 <= int(most) <= 5_000)
            or (after and not _TIME.fullmatch(after))
            or order not in ORDERS
            or not set(filter(None, include.split(","))) <= INCLUDES
        )
        if is_refused:
            return Answer(400, self.headers(), {"error": "Bad Request"})
        keys = [key for key, version in self.rows.items() if not after or self.written(version.modified) > after]
        keys.sort(key=lambda key: (self.written(self.rows[key].modified), key) if order == "dateModified_asc" else key)
        page = [self.item(key) for key in keys[int(start) : int(start) + min(int(most), self.manners.largest_page)]]
        if not page:
            return Answer(404, self.headers())
        envelope = {"completeCollectionSize": len(keys), "size": len(page), "startingIndex": int(start), "maxResults": int(most)}
        return Answer(200, self.headers(), envelope | {"registrations": page})


class CertainStub(RestStub):
    """Serves the platform to a user and password."""

    user = "api@example.org"
    password = "a long password"

    def _answer(self, url: str, authorization: str) -> Answer:
        expected = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if authorization != f"Basic {expected}":
            self.urls.append(url)
            return Answer(401, [])
        return super()._answer(url, authorization)
