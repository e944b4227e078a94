"""A pretix as far as the set-up and the reading of a source ask it: a real HTTP server on loopback, as strict as the real one (S4).

From the facts about pretix 2026.8: token, slash at the end, at most 50 entries a page, orders by their time of change, server's time in
X-Page-Generated.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.builders.pretix_order import SHIRT, SPEAKER, TICKET, WORKSHOP, order, place

TOKEN: Final = "4kshe7rmiz0v"
ORGANIZER: Final = "acme"


def _product(
    id: int, name: str, category: int | None = None, *, admission: bool = True, variations: tuple[str, ...] = ()
) -> dict[str, Any]:
    values = [{"id": number, "value": {"en": text}} for number, text in enumerate(variations, 1)]
    return {"id": id, "name": {"de": f"{name} (de)", "en": name}, "admission": admission, "category": category, "variations": values}


def _question(identifier: str, text: str, type: str = "S", *options: str) -> dict[str, Any]:
    listed = [{"identifier": each.upper(), "answer": {"en": each}} for each in options]
    return {"id": len(text), "identifier": identifier, "question": {"en": text}, "type": type, "options": listed}


class PretixShop:
    """One organizer with two events, and its orders."""

    def __init__(self) -> None:
        self.may_see_orders = True
        self.requests: list[str] = []
        self.events = [
            {
                "slug": "summit26",
                "name": {"en": "Summit 2026"},
                "date_from": "2027-05-03T09:00:00+02:00",
                "date_to": "2027-05-05T17:00:00+02:00",
                "timezone": "Europe/Vienna",
                "testmode": False,
                "has_subevents": False,
            },
            {
                "slug": "gala.26",
                "name": {"en": "Winter Gala"},
                "date_from": "2027-12-12T19:00:00+01:00",
                "date_to": None,
                "timezone": "Europe/Vienna",
                "testmode": True,
                "has_subevents": False,
            },
        ]
        self.items = {
            "summit26": [
                _product(TICKET, "Conference ticket"),
                _product(SPEAKER, "Speaker pass"),
                _product(WORKSHOP, "Workshop", 7, admission=False, variations=("Morning", "Evening")),
                _product(SHIRT, "T-shirt", admission=False),
            ],
            "gala.26": [_product(21, "Dinner seat")],
        }
        self.categories = {"summit26": [{"id": 7, "is_addon": True}], "gala.26": list[dict[str, Any]]()}
        self.questions = {
            "summit26": [
                _question("DIET", "Any dietary needs?", "C", "Vegan", "Halal"),
                _question("job.title", "Job title"),
                _question("NEWS", "Keep me posted", "B"),
                _question("PASS", "Your passport", "F"),
            ],
            "gala.26": [_question("DIET", "Any dietary needs?", "C", "Vegan", "Kosher"), _question("POSITION", "Job title")],
        }
        self.subevents: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def add_series(self, slug: str, name: str, dates: Iterable[tuple[int, str]]) -> None:
        """An event series with one ticket. dates: number and beginning of each; all have the name of the series"""
        facts = {"slug": slug, "name": {"en": name}, "date_from": "2020-01-01T09:00:00+01:00", "date_to": None, "timezone": "Europe/Vienna"}
        self.events.append({**facts, "testmode": False, "has_subevents": True})
        self.items[slug], self.categories[slug], self.questions[slug] = [_product(41, "Tour ticket")], [], [_question("LANG", "Language")]
        for id, begins in dates:
            self.subevents.append({"id": id, "event": slug, "name": {"en": name}, "date_from": begins, "date_to": None, "active": True})

    def sell(self, code: str, *places: dict[str, Any], event: str = "summit26", **fields: Any) -> None:
        """Takes or changes an order, now."""
        now = datetime.now(UTC).isoformat()
        with self.lock:
            self.orders = [each for each in self.orders if each["code"] != code]
            self.orders.append(order(*(places or (place(len(self.orders) + 1),)), code=code, event=event, datetime=now) | fields)
            self.orders[-1]["last_modified"] = now

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def ring(self, target: str, code: str, action: str = "pretix.event.order.placed") -> int:
        """Calls a webhook as pretix does. Returns the status."""
        call = {"notification_id": len(self.requests) + 1, "organizer": ORGANIZER, "event": "summit26", "code": code, "action": action}
        request = Request(target, json.dumps(call).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            return int(answer.status)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of an answer."""
        self.requests.append(path)
        if authorization != f"Token {TOKEN}":
            return 401, {}, {"detail": "Invalid token."}
        parts = urlsplit(path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        steps = parts.path.removeprefix("/api/v1/organizers/").split("/")
        if not parts.path.startswith("/api/v1/organizers/") or steps[-1] != "":
            return 404, {}, {"detail": "Not found."}
        match steps[:-1]:
            case []:
                return self._page(parts.path, query, [{"slug": ORGANIZER, "name": "Acme Events"}])
            case [organizer, *_] if organizer != ORGANIZER:
                return 404, {}, {"detail": "No Organizer matches the given query."}
            case [_, "events"]:
                return self._page(parts.path, query, self.events)
            case [_, "subevents"]:
                return self._page(parts.path, query, sorted(self.subevents, key=lambda each: each["date_from"], reverse=True))
            case [_, "events", slug, "items" | "categories" | "questions" as what] if slug in self.items:
                return self._page(parts.path, query, getattr(self, what)[slug])
            case [_, *_, "orders"] | [_, "orders", _] if not self.may_see_orders:
                return 403, {}, {"detail": "You do not have permission to perform this action."}
            case [_, "events", slug, "orders"] if slug in self.items:
                with self.lock:
                    found = sorted((each for each in self.orders if each["event"] == slug), key=lambda each: each["datetime"], reverse=True)
                return self._page(parts.path, query, found)
            case [_, "orders"]:
                return self._all_orders(parts.path, query)
            case [_, "orders", code]:
                with self.lock:
                    found = [each for each in self.orders if each["code"] == code]
                return (200, {}, found[0]) if found else (404, {}, {"detail": "No Order matches the given query."})
        return 404, {}, {"detail": "Not found."}

    def _all_orders(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        generated = datetime.now(UTC).isoformat()
        since = query.get("modified_since", "").replace("Z", "+00:00")
        with self.lock:
            found = [each for each in self.orders if not since or each["last_modified"] >= since]
        if query.get("ordering") == "last_modified":
            found.sort(key=lambda each: each["last_modified"])
        if query.get("testmode") == "false":
            found = [each for each in found if not each["testmode"]]
        if query.get("include_canceled_positions") != "true":
            found = [each | {"positions": [one for one in each["positions"] if not one["canceled"]]} for each in found]
        status, headers, body = self._page(path, query, found)
        return status, headers | {"X-Page-Generated": generated}, body

    def _page(self, path: str, query: dict[str, str], entries: list[Any]) -> tuple[int, dict[str, str], Any]:
        size, page = min(int(query.get("page_size", 50)), 50), int(query.get("page", 1))
        if page > 1 and (page - 1) * size >= len(entries):
            return 404, {}, {"detail": "Invalid page."}
        more = f"{self.origin}{path}?{urlencode(query | {'page': page + 1})}" if page * size < len(entries) else None
        return 200, {}, {"count": len(entries), "next": more, "previous": None, "results": entries[(page - 1) * size : page * size]}


def _handler_of(shop: PretixShop) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, value = shop.answer(self.path, self.headers.get("Authorization", ""))
            body = json.dumps(value).encode()
            self.send_response_only(status)
            for name, text in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler
