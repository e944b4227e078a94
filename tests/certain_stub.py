"""Certain's list of registrations as its public documentation has it, on loopback: strict about what it is asked, and as awkward as it is said to be (S5).

It refuses (400) a parameter or a value that is not documented, and (401) what has no Basic sign-in. A list with nothing in it answers 404. Times
have no zone and no fractions of a second. `start_index` is the number of an item. A deleted registration is not active, or is gone. Questions and
properties are only in an answer if they are asked for. Sessions are another list, which takes no parameter and has every registration at once.
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
SESSIONS: Final = "/api/standard/2.0/accounts/ACME/events/SUMMIT-26/registrations"
SESSION_STATUSES: Final = ("Registered", "Attended", "Cancelled")
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
OPTIONAL: Final = {"registration_questions": "registrationQuestions", "reg_properties": "properties"}
"""Members of a registration that are in an answer only with this value of includeList."""
ORDERS: Final = frozenset(
    f"{name}_{way}" for name in ("dateModified", "statusModified", "dateCreated", "registrationCode") for way in ("asc", "desc")
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


class CertainPlatform(Platform):
    """The registrations of one event."""

    def __init__(self, manners: Manners, random: random.Random, zone: str = "UTC", properties: str = "object") -> None:
        """properties: how they are written, which is not documented: an object, names, or objects"""
        super().__init__(manners, random)
        self.zone, self.properties = ZoneInfo(zone), properties

    def written(self, at: int) -> str:
        """A time as it writes it: of its own zone, in whole seconds."""
        return (EPOCH + timedelta(microseconds=at)).astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def content(self) -> dict[str, object]:
        sessions = self.random.sample(("WS-1", "WS-2"), self.random.randint(0, 2))
        return {
            "status": self.random.choice(STATUSES),
            "number": self.edits,
            "active": True,
            "diet": self.random.choice(([], ["Vegan"], ["Vegan", "Halal"])),
            "test": self.random.random() < 0.5,
            "sessions": {code: self.random.choice(SESSION_STATUSES) for code in sessions},
        }

    def write(self, key: str, content: dict[str, object] | None, at: int | None = None) -> None:
        """A deletion clears Is Active half of the time, else the row is gone."""
        if content is None and self.random.random() < 0.5 and key in self.rows:
            content = {"status": "Cancelled", "number": self.edits, "active": False}
        super().write(key, content, at)

    def item(self, key: str) -> dict[str, object]:
        return {name: value for name, value in self.whole_item(key).items() if name not in OPTIONAL.values()}

    def whole_item(self, key: str) -> dict[str, object]:
        """With what is only there if it is asked for."""
        version = self.rows[key]
        content = version.content or {}
        diet = content.get("diet", [])
        assert isinstance(diet, list)
        answers = [{"answerName": each.upper(), "answerLabel": each, "answerCode": each[:1]} for each in diet]
        names = ("questionName", "questionLabel", "questionCode", "questionType", "answer")
        questions = [
            dict(zip(names, ("Dietary needs", "What do you eat?", "diet", "Checkbox", answers), strict=True)),
            dict(zip(names, ("Remark", "Remark", "", "Text", f"no {content['number']}"), strict=True)),
        ]
        flags = {"Test": bool(content.get("test")), "Badge Printed": False}
        forms: dict[str, object] = {
            "object": flags,
            "names": [name for name, flag in flags.items() if flag],
            "objects": [{"propertyName": name, "propertyValue": "Yes" if flag else "No"} for name, flag in flags.items()],
        }
        return {
            "registrationQuestions": questions,
            "properties": forms[self.properties],
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
        if parts.path == SESSIONS:
            return Answer(400, self.headers()) if parts.query else Answer(200, self.headers(), {"data": self._sessions()})
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
        hidden = {member for name, member in OPTIONAL.items() if name not in include.split(",")}
        whole = [self.whole_item(key) for key in keys[int(start) : int(start) + min(int(most), self.manners.largest_page)]]
        page = [{name: value for name, value in item.items() if name not in hidden} for item in whole]
        if not page:
            return Answer(404, self.headers())
        envelope = {"completeCollectionSize": len(keys), "size": len(page), "startingIndex": int(start), "maxResults": int(most)}
        return Answer(200, self.headers(), envelope | {"registrations": page})

    def _sessions(self) -> list[dict[str, object]]:
        """The sessions of each registration that is active."""
        data: list[dict[str, object]] = []
        for number, (key, version) in enumerate(sorted(self.rows.items())):
            content = version.content or {}
            sessions = content.get("sessions", {})
            assert isinstance(sessions, dict)
            if content["active"]:
                times = {"startDate": "10/14/2026 09:00:00", "endDate": "10/14/2026 10:00:00"}
                entries = [
                    {"instanceId": place, "sessionCode": code, "sessionName": f"The session {code}", "regSessionStatus": status} | times
                    for place, (code, status) in enumerate(sessions.items())
                ]
                data.append({"registrationId": number, "registrationCode": key, "eventCode": "SUMMIT-26", "sessions": entries})
        return data


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
