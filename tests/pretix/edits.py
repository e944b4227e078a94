"""Random edits of orders in a real pretix, through its REST API: what people, shops and scanners do there."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

NAMES = ("Ada", "Grace", "Mary", "Hedy", "Emmy", "Sofia")
MOST_CODES = 120
"""Orders after which older ones are edited more often than new ones are made."""


class Shop(Protocol):
    """A pretix whose orders are edited."""

    facts: dict[str, Any]

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request to the API of the organizer. The status and the JSON that is answered."""

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The same; the answer must be a success."""

    def places(self, code: str) -> list[dict[str, Any]]:
        """The places of an order that are not cancelled."""


class Editor:
    """Edits the orders of one event."""

    def __init__(self, pretix: Shop, seed: int, slug: str = "summit26") -> None:
        self.pretix, self.slug, self._dice = pretix, slug, random.Random(seed)
        self.event: dict[str, Any] = pretix.facts["events"][slug]
        self.codes: list[str] = []
        self.edits = 0
        self.counts: dict[str, int] = {}
        """Edits that pretix took, by kind."""

    def edit(self) -> None:
        """One edit. What pretix refuses, such as a payment of a cancelled order, is another kind next time."""
        kinds: dict[str, Callable[[str], bool]] = {
            "answers": self._answer,
            "name": self._rename,
            "state": self._set_state,
            "check-in": self._check_in,
            "cancelled place": self._cancel_place,
            "exchanged session": self._exchange_session,
            "added session": self._add_session,
            "split": self._split,
            "test order": self._test_order,
        }
        while True:
            kind = self._dice.choice(("order", *kinds) if len(self.codes) > MOST_CODES else ("order", "order", "order", *kinds))
            if kind == "order" or not self.codes:
                self.order()
                kind = "order"
            elif not kinds[kind](self._dice.choice(self.codes)):
                continue
            self.edits += 1
            self.counts[kind] = self.counts.get(kind, 0) + 1
            return

    def order(self, *, testmode: bool = False) -> str:
        """A new order of one to three people, the first with a workshop."""
        people = [self._person(number) for number in (1, 3, 4)[: self._dice.randint(1, 3)]]
        workshop = {
            "positionid": 2,
            "item": self.event["workshop"],
            "variation": self._dice.choice(self.event["variations"]),
            "price": "0.00",
            "addon_to": 1,
            "answers": [],
        }
        body = {
            "email": "orders@example.org",
            "locale": "en",
            "sales_channel": "web",
            "status": "n",
            "testmode": testmode,
            "positions": [people[0], workshop, *people[1:]],
        }
        code = str(self.pretix.done("POST", f"events/{self.slug}/orders/", body)["code"])
        if not testmode:
            self.codes.append(code)
        return code

    def _person(self, number: int) -> dict[str, Any]:
        return {
            "positionid": number,
            "item": self._dice.choice((self.event["ticket"], self.event["speaker"])),
            "price": self._dice.choice(("0.00", "10.00")),
            "attendee_name_parts": self._name(),
            "attendee_email": f"{self._dice.choice(NAMES).lower()}@example.org",
            "answers": self._answers(),
        }

    def _name(self) -> dict[str, str]:
        return {"_scheme": "given_family", "given_name": self._dice.choice(NAMES), "family_name": f"No{self._dice.randrange(10_000)}"}

    def _answers(self) -> list[dict[str, Any]]:
        options = self._dice.sample(self.event["options"], self._dice.randint(0, 2))
        return [{"question": self.event["diet"], "answer": "x", "options": options}] if options else []

    # --- edits of an order; false: pretix did not take it

    def _places(self, code: str, *, addons: bool) -> list[dict[str, Any]]:
        return [place for place in self.pretix.places(code) if (place["addon_to"] is not None) is addons]

    def _patch(self, code: str, body: dict[str, Any]) -> bool:
        places = self._places(code, addons=False)
        if not places:
            return False
        place = self._dice.choice(places)
        return self.pretix.call("PATCH", f"events/{self.slug}/orderpositions/{place['id']}/", body)[0] == 200

    def _answer(self, code: str) -> bool:
        return self._patch(code, {"answers": self._answers()})

    def _rename(self, code: str) -> bool:
        return self._patch(code, {"attendee_name_parts": self._name()})

    def _set_state(self, code: str) -> bool:
        deed = self._dice.choice(("mark_paid", "mark_paid", "mark_pending", "mark_canceled", "mark_expired", "reactivate"))
        return self.pretix.call("POST", f"events/{self.slug}/orders/{code}/{deed}/", {"send_email": False})[0] == 200

    def _check_in(self, code: str) -> bool:
        places = self._places(code, addons=self._dice.random() < 0.3)
        if not places:
            return False
        body = {
            "lists": [self.event["gate"]],
            "secret": self._dice.choice(places)["secret"],
            "ignore_unpaid": True,
            "questions_supported": False,
            "type": self._dice.choice(("entry", "entry", "exit")),
        }
        return self.pretix.call("POST", "checkinrpc/redeem/", body)[0] == 201

    def _change(self, code: str, body: dict[str, Any]) -> bool:
        return self.pretix.call("POST", f"events/{self.slug}/orders/{code}/change/", body)[0] == 200

    def _cancel_place(self, code: str) -> bool:
        places = self._places(code, addons=self._dice.random() < 0.6)
        return bool(places) and self._change(code, {"cancel_positions": [{"position": self._dice.choice(places)["id"]}]})

    def _exchange_session(self, code: str) -> bool:
        places = self._places(code, addons=True)
        if not places:
            return False
        place = self._dice.choice(places)
        (other,) = [each for each in self.event["variations"] if each != place["variation"]]
        return self._change(
            code, {"patch_positions": [{"position": place["id"], "body": {"item": self.event["workshop"], "variation": other}}]}
        )

    def _add_session(self, code: str) -> bool:
        places = self._places(code, addons=False)
        if not places:
            return False
        body = {
            "order": code,
            "item": self.event["workshop"],
            "variation": self._dice.choice(self.event["variations"]),
            "addon_to": self._dice.choice(places)["positionid"],
            "price": "0.00",
        }
        return self.pretix.call("POST", f"events/{self.slug}/orderpositions/", body)[0] == 201

    def _split(self, code: str) -> bool:
        places = self._places(code, addons=False)
        if len(places) < 2:
            return False
        return self._change(code, {"split_positions": [{"position": places[-1]["id"]}]})

    def _test_order(self, code: str) -> bool:
        test = self.order(testmode=True)
        if self._dice.random() < 0.5:
            self.pretix.done("DELETE", f"events/{self.slug}/orders/{test}/")
        return True
