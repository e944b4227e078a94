"""Asks a pretix for its organizers, events, products, questions and newest orders, for the set-up of a source (S4).

Requests go the way of a list's: by the account's guard and limits, with the authorization of one of its connections.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.source.pretix_catalogue import (
    MOST_EVENTS,
    MOST_ORGANIZERS,
    MOST_PRODUCTS,
    CatalogueEvent,
    NotPretix,
    PretixCatalogue,
    read_categories,
    read_events,
    read_items,
    read_organizers,
    read_questions,
)
from heliograph.domain.source.pretix_dates import MOST_DATES, with_dates
from heliograph.domain.source.rest_list import Paging, Place, RestList, RestListError
from heliograph.outbound.sender import Sender
from heliograph.sources.list_request import ListRequester, ReadFailure

PAGE_SIZE: Final = 50
"""The most that pretix gives a page."""
LONGEST_LOOK: Final = 45.0
"""Seconds for all requests of one look; a person waits for the page."""
MOST_CHOSEN: Final = 50
"""Events and dates of a source. The products of each are looked at, by four requests, and all of them are created in one transaction."""
COMMENT: Final = "Heliograph"
"""By which people recognise its webhook in pretix."""
ACTIONS: Final = [
    *(
        f"pretix.event.order.{name}"
        for name in (
            *("placed", "paid", "canceled", "reactivated", "expired", "modified", "contact.changed", "changed.*", "deleted"),
            *("approved", "denied"),
        )
    ),
    *("pretix.event.checkin", "pretix.event.checkin.reverted"),
]
"""What pretix calls about."""
MOST_SAMPLES: Final = 5
LARGEST_SAMPLE: Final = 256 * 1_024
"""Characters of an order that is kept as a sample; a larger one is left out."""
MOST_PARTS: Final = 20_000
"""Products, questions and their choices of all chosen events: they are kept with the source."""


class PretixRefusal(HeliographError):
    """pretix could not be asked: a sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class PretixSample:
    """The set-up of the chosen events, and the newest orders of them."""

    catalogue: PretixCatalogue
    orders: tuple[dict[str, Any], ...]


class PretixRequests:
    """Asks one pretix. It holds credentials: never log or store it."""

    def __init__(self, account: int, connection: int, origin: str, sender: Sender | None = None) -> None:
        """origin: scheme, host and port. Raises PretixRefusal."""
        self._api = f"{origin}/api/v1/"
        self._began = time.monotonic()
        try:
            self._base = RestList(self._api, connection, paging=Paging.LINK, next_path="next", items_path="results")
            self._requester = ListRequester(account, self._base, sender)
        except HeliographError as error:
            raise PretixRefusal(error.sentence) from None

    def overview(self, organizer: str = "") -> PretixCatalogue:
        """The organizers, and the events of one of them: by default the first. Raises PretixRefusal, NotPretix."""
        organizers = read_organizers(self._list("organizers/", most=MOST_ORGANIZERS))
        if not organizers:
            raise PretixRefusal("The token’s team sees no organizer. Ask for a token of a team that may see the events you want here.")
        slugs = [slug for slug, _ in organizers]
        chosen = organizer if organizer in slugs else slugs[0]
        path = f"organizers/{quote(chosen, safe='')}"
        events = read_events(self._list(f"{path}/events/", most=MOST_EVENTS))
        if any(event.is_series for event in events):
            events = with_dates(events, self._list(f"{path}/subevents/", most=MOST_DATES, ordering="-date_from"))
        return PretixCatalogue(organizers, chosen, events)

    def sample(self, catalogue: PretixCatalogue, keys: Sequence[str]) -> PretixSample:
        """Reads products, questions and the newest orders of some of the catalogue's events; of dates, those of their series. Raises PretixRefusal,
        NotPretix."""
        read: dict[str, CatalogueEvent] = {}
        orders: list[dict[str, Any]] = []
        parts = 0
        for event in catalogue.series_of(keys)[:MOST_CHOSEN]:
            path = f"organizers/{quote(catalogue.organizer, safe='')}/events/{quote(event.slug, safe='')}"
            items = self._list(f"{path}/items/", most=MOST_PRODUCTS)
            categories = self._list(f"{path}/categories/", most=MOST_PRODUCTS)
            questions = self._list(f"{path}/questions/", most=MOST_PRODUCTS)
            query = {"ordering": "-datetime", "include_canceled_positions": "true", "page_size": str(MOST_SAMPLES)}
            page = self._page(f"{self._api}{path}/orders/?{urlencode(query)}")
            count = page.get("count")
            read[event.key] = replace(
                event,
                orders=count if isinstance(count, int) and count >= 0 else len(_results(page)),
                items=read_items(items),
                categories=read_categories(categories),
                questions=read_questions(questions),
            )
            parts += _count_parts(read[event.key])
            if parts > MOST_PARTS:
                raise PretixRefusal("These events have too many products and questions for one source. Choose fewer events.")
            orders += [each for each in _results(page)[:MOST_SAMPLES] if isinstance(each, dict) and len(json.dumps(each)) <= LARGEST_SAMPLE]
        orders.sort(key=lambda order: str(order.get("datetime", "")), reverse=True)
        events = tuple(read.get(each.key, each) for each in catalogue.events)
        return PretixSample(replace(catalogue, events=events), tuple(orders[:MOST_SAMPLES]))

    def check_webhooks(self, organizer: str) -> None:
        """Raises PretixRefusal if the token may not set up webhooks, and NotPretix."""
        answer = self._requester.get(f"{self._api}organizers/{quote(organizer, safe='')}/webhooks/")
        if isinstance(answer, ReadFailure):
            raise _webhook_refusal(answer)
        if answer.status >= 400:
            raise PretixRefusal("This pretix has no webhooks (%(status)d).", status=answer.status)

    def add_webhook(self, organizer: str, address: str) -> int:
        """Has pretix call an address when an order changes. Returns the id of the webhook. Raises PretixRefusal, NotPretix."""
        body = {"enabled": True, "target_url": address, "all_events": True, "limit_events": [], "action_types": ACTIONS, "comment": COMMENT}
        answer = self._requester.send("POST", f"{self._api}organizers/{quote(organizer, safe='')}/webhooks/", body)
        if isinstance(answer, ReadFailure):
            raise _webhook_refusal(answer)
        id = answer.json.get("id") if isinstance(answer.json, dict) else None
        if not isinstance(id, int):
            raise NotPretix
        return id

    def end_webhook(self, organizer: str, id: int) -> None:
        """Has pretix call no more. One that is gone there is no failure. Raises PretixRefusal."""
        answer = self._requester.send("DELETE", f"{self._api}organizers/{quote(organizer, safe='')}/webhooks/{id}/")
        if isinstance(answer, ReadFailure):
            raise _webhook_refusal(answer)

    def _list(self, path: str, *, most: int, **query: str) -> list[object]:
        """The entries of a list, page after page."""
        url = f"{self._api}{path}?{urlencode({'page_size': PAGE_SIZE, **query})}"
        entries: list[object] = []
        while url and len(entries) < most:
            page = self._page(url)
            entries += _results(page)
            link = page.get("next") if _results(page) else None
            try:
                url = self._base.url(None, Place(page=1, next=link)) if isinstance(link, str) and link else ""
            except RestListError:
                raise PretixRefusal(
                    "pretix says that its server is another one: %(link)s. Use the address from its configuration.", link=str(link)[:100]
                ) from None
        return entries

    def _page(self, url: str) -> dict[str, Any]:
        if time.monotonic() - self._began > LONGEST_LOOK:
            raise PretixRefusal("pretix answers too slowly. Choose fewer events, and try again.")
        answer = self._requester.get(url)
        if isinstance(answer, ReadFailure):
            raise _refusal(answer)
        if answer.status >= 400:
            raise PretixRefusal(
                "There is no pretix at this address (%(status)d). Give the address at which its pages begin.", status=answer.status
            )
        if not isinstance(answer.json, dict):
            raise NotPretix
        return answer.json


def _count_parts(event: CatalogueEvent) -> int:
    """How many products, categories, questions and choices of them an event has."""
    choices = sum(len(item["variations"]) for item in event.items) + sum(len(question["options"]) for question in event.questions)
    return len(event.items) + len(event.categories) + len(event.questions) + choices


def _results(page: dict[str, Any]) -> list[object]:
    results = page.get("results")
    if not isinstance(results, list):
        raise NotPretix
    return results


def _webhook_refusal(failure: ReadFailure) -> PretixRefusal:
    if failure.status == 403:
        return PretixRefusal(
            "The token’s team may not set up webhooks (403). Let it change the organizer’s settings, or make the address and paste it in pretix."
        )
    if failure.status == 401:
        return _refusal(failure)
    return PretixRefusal("pretix did not set up the webhook. %(why)s", why=Sentence(failure.message))


def _refusal(failure: ReadFailure) -> PretixRefusal:
    if failure.status == 401:
        return PretixRefusal("pretix refuses this token (401). It may belong to another pretix, or have been revoked: ask for a new one.")
    if failure.status == 403:
        return PretixRefusal("The token’s team may not do this (403). Let it see orders, in all events you want here.")
    if failure.status and 200 <= failure.status < 300:
        return PretixRefusal("There is no pretix at this address: what answers is not its REST API.")
    return PretixRefusal(failure.message)
