"""A pretix in memory, seeded, which behaves as the real one (2026.8.0) was seen to do (S4; docs/design/sources.md, section 12).

- `last_modified` moves before what changed can be seen: for a while a list has the new time with the old content, or not the order at all.
- A change of a place, of an answer, a check-in and its removal move the order's time. Erasing personal data does not.
- Cancelled places are left out of an answer unless they are asked for.
- A page has at most 50 orders, also if more are asked for.
- Splitting moves a place to another order with another number; its id stays.
- Deleted orders (of the test mode only) are 404.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from heliograph.domain.source.source_times import read_time
from tests.builders.pretix_order import SPEAKER, TICKET, WORKSHOP, order, place
from tests.rest_platform import MINUTE, SECOND, START, Answer, iso

NAMES = ("Ada", "Grace", "Mary", "Hedy", "Emmy", "Sofia")
CHOICES = ("VEGAN", "HALAL")
LARGEST_PAGE = 50

type Order = dict[str, Any]


@dataclass
class PretixPlatform:
    """The platform. Its clock is set by tests, or follows the machine's."""

    random: random.Random
    most_late: int = 0
    """Microseconds between the time of a change and the time at which it can be seen, at most."""
    edits_between_pages: int = 0
    silent: float = 0.0
    """The share of changes that no doorbell announces."""
    orders: dict[str, Order] = field(default_factory=dict)
    pending: dict[str, tuple[int, Order | None]] = field(default_factory=dict)
    """By code, from when on which content is seen; None: it is deleted."""
    on_change: Callable[[str, str], None] = lambda code, action: None
    """Called with the code and the action once a change can be seen, as a doorbell is."""
    clock: int = START
    step: int = SECOND
    edits: int = 0
    requests: int = 0
    quiet: bool = False
    _places: int = 100

    # --- what happens at the platform

    def commit(self, *, everything: bool = False) -> None:
        """Shows the changes whose time has come."""
        for code, (visible, content) in list(self.pending.items()):
            if everything or visible <= self.clock:
                del self.pending[code]
                if content is None:
                    self.orders.pop(code, None)
                else:
                    self.orders[code] = content
                if self.random.random() >= self.silent:
                    self.on_change(code, "pretix.event.order.modified")

    def change(self, code: str, edit: Callable[[Order], None] | None) -> None:
        """Changes an order, or deletes it. A second transaction on it waits for the first."""
        if code in self.pending:
            self.pending[code] = (0, self.pending[code][1])
            self.commit()
        self.edits += 1
        content = copy.deepcopy(self.orders.get(code))
        if edit is not None:
            assert content is not None
            edit(content)
            content["last_modified"] = iso(self.clock)
        late = self.random.randint(0, self.most_late) if not self.quiet else 0
        if late and code in self.orders and edit is not None and self.random.random() < 0.5:
            self.orders[code]["last_modified"] = iso(self.clock)  # the time first, the content later
        self.pending[code] = (self.clock + late, content if edit is not None else None)
        self.commit()

    def add(self, *places: Order, **fields: Any) -> str:
        """A new order."""
        self.edits += 1
        code = f"P{self.edits:05}"
        late = self.random.randint(0, self.most_late) if not self.quiet else 0
        self.pending[code] = (self.clock + late, order(*places, code=code, last_modified=iso(self.clock), **fields))
        self.commit()
        return code

    def next_place(self) -> int:
        self._places += 1
        return self._places

    def person(self, number: int, item: int = TICKET, **fields: Any) -> Order:
        name = self.random.choice(NAMES)
        parts = {"_scheme": "given_family", "given_name": name, "family_name": f"No{self.edits}"}
        return place(self.next_place(), number, item, attendee_name_parts=parts, attendee_email=f"{name.lower()}@example.org", **fields)

    def shred(self, code: str) -> None:
        """Erases the attendees of an order, as pretix does: in bulk, so that the order's time stays."""
        self.commit(everything=True)
        for each in self.orders[code]["positions"]:
            if each["attendee_name_parts"]:
                each.update(attendee_name=None, attendee_name_parts={"_shredded": True}, company=None, city=None)

    def edit(self) -> None:
        """One random edit."""
        self.clock += self.random.randint(1, 3) * self.step
        self.commit()
        codes = sorted(code for code, each in self.orders.items() if not _is_shredded(each) and code not in self.pending)
        kind = self.random.choice((*EDITS, "new", "new")) if codes else "new"
        if kind == "new":
            people = [self.person(number, self.random.choice((TICKET, SPEAKER))) for number in range(1, self.random.randint(2, 4))]
            addon = place(self.next_place(), len(people) + 1, WORKSHOP, addon_to=people[0]["id"], variation=1, attendee_name_parts={})
            self.add(*people, addon, status=self.random.choice("np"), testmode=self.random.random() < 0.1)
            return
        code = self.random.choice(codes)
        if kind == "split":
            self._split(code)
        elif self.orders[code]["testmode"] and self.random.random() < 0.5:
            self.change(code, None)
        else:
            self.change(code, lambda content: EDITS[kind](self, content))

    def _split(self, code: str) -> None:
        """A person of an order gets an order of their own."""
        movable = [each for each in self.orders[code]["positions"] if each["addon_to"] is None and not each["canceled"]]
        if len(movable) < 2:
            return
        moved = movable[-1]["id"]
        taken = [each for each in copy.deepcopy(self.orders[code]["positions"]) if moved in (each["id"], each["addon_to"])]
        self.change(code, lambda content: _drop(content, moved))
        for number, each in enumerate(taken, 1):
            each["positionid"] = number
        self.add(*taken, status=self.orders[code]["status"], testmode=self.orders[code]["testmode"])

    def fall_quiet(self) -> None:
        """Everything can be seen, and it behaves well from now on."""
        self.commit(everything=True)
        self.clock += 30 * MINUTE
        self.quiet = True

    # --- what it answers

    def get(self, url: str) -> Answer:
        """The answer to a request for a page, or for one order."""
        self.requests += 1
        if not self.quiet:
            for _ in range(self.random.randint(0, self.edits_between_pages)):
                self.edit()
        self.commit()
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        headers = [("x-page-generated", iso(self.clock))]
        code = parts.path.rstrip("/").rpartition("/")[2]
        if code != "orders":
            there = self.orders.get(code)
            return Answer(404, []) if there is None else Answer(200, [], _shown(there, query))
        since = read_time(query["modified_since"][0]) if "modified_since" in query else None
        found = [each for each in self.orders.values() if since is None or (read_time(each["last_modified"]) or 0) >= since]
        if "testmode" in query:
            found = [each for each in found if each["testmode"] is (query["testmode"][0] == "true")]
        assert query.get("ordering") == ["last_modified"]
        found.sort(key=lambda each: (each["last_modified"], each["code"]))
        size, page = min(int(query.get("page_size", ["50"])[0]), LARGEST_PAGE), int(query.get("page", ["1"])[0])
        results = [_shown(each, query) for each in found[(page - 1) * size : page * size]]
        if page > 1 and not results:
            return Answer(404, headers)
        following = f"{url.partition('&page=')[0]}&page={page + 1}" if page * size < len(found) else None
        return Answer(200, headers, {"count": len(found), "next": following, "previous": None, "results": results})


def _shown(content: Order, query: dict[str, list[str]]) -> Order:
    shown = copy.deepcopy(content)
    if query.get("include_canceled_positions") != ["true"]:
        shown["positions"] = [each for each in shown["positions"] if not each["canceled"]]
    if "payments" not in query.get("exclude", []):
        shown["payments"] = []
    return shown


def _is_shredded(content: Order) -> bool:
    return any("_shredded" in each["attendee_name_parts"] for each in content["positions"])


def _drop(content: Order, moved: int) -> None:
    content["positions"] = [each for each in content["positions"] if moved not in (each["id"], each["addon_to"])]


def _one(platform: PretixPlatform, content: Order, *, addons: bool = False) -> Order:
    there = [each for each in content["positions"] if (each["addon_to"] is not None) is addons]
    chosen: Order = platform.random.choice(there) if there else platform.random.choice(content["positions"])
    return chosen


def _rename(platform: PretixPlatform, content: Order) -> None:
    _one(platform, content)["attendee_name_parts"] = {"given_name": platform.random.choice(NAMES), "family_name": f"E{platform.edits}"}


def _answer(platform: PretixPlatform, content: Order) -> None:
    chosen = platform.random.sample(CHOICES, platform.random.randint(0, 2))
    answer = {"question_identifier": "DIET", "answer": ", ".join(chosen), "option_identifiers": chosen}
    _one(platform, content)["answers"] = [answer] if chosen else []


def _set_status(platform: PretixPlatform, content: Order) -> None:
    content["status"] = platform.random.choice("nppec")


def _cancel_place(platform: PretixPlatform, content: Order) -> None:
    _one(platform, content, addons=platform.random.random() < 0.5)["canceled"] = True


def _check_in(platform: PretixPlatform, content: Order) -> None:
    chosen = _one(platform, content, addons=platform.random.random() < 0.3)
    chosen["checkins"] = [{"id": platform.edits, "list": 1, "type": "entry"}] if not chosen["checkins"] else []


def _change_session(platform: PretixPlatform, content: Order) -> None:
    """The add-on becomes another one, in place."""
    chosen = _one(platform, content, addons=True)
    if chosen["addon_to"] is not None:
        chosen["variation"] = 3 - chosen["variation"]


def _add_session(platform: PretixPlatform, content: Order) -> None:
    owner = _one(platform, content)
    number = max(each["positionid"] for each in content["positions"]) + 1
    variation = platform.random.choice((1, 2))
    content["positions"].append(
        place(platform.next_place(), number, WORKSHOP, addon_to=owner["id"], variation=variation, attendee_name_parts={})
    )


EDITS: dict[str, Callable[[PretixPlatform, Order], None]] = {
    "rename": _rename,
    "answer": _answer,
    "status": _set_status,
    "cancel": _cancel_place,
    "check in": _check_in,
    "change session": _change_session,
    "add session": _add_session,
    "split": lambda platform, content: None,
}
