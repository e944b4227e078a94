"""Checks like a new user with the guide in hand: everything it names is found under that name, in that place.

docs/guide/names.md is generated from the result: HELIOGRAPH_TEST_WRITE=1 .venv/bin/pytest tests/integration/test_guide_names.py
"""

from __future__ import annotations

import os
from itertools import groupby

from django.test import Client
from django.urls import reverse
from tests.builders.action import actions
from tests.builders.outcome import end_attempt
from tests.builders.platform_account import EVENT, PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.guide_names import PLACES, ROWS, Row
from tests.named import names

from heliograph.domain.delivery.outcomes import Delivered
from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS
from heliograph.flows.services.flows import save_flow
from heliograph.guide.folder import GUIDE
from heliograph.store.config_cache import Committed, ConfigCache

WATCHES = {"status": Watch.STATUS, "session": Watch.SESSION_STATUS, "event": Watch.EVENT}
FURTHER = {"mapping fields": ("map-form", {"do": "fields:0"})}
"""What appears after pressing a button of the page: its form, by class, and the button."""
FILE = GUIDE / "names.md"
HEAD = """# Names and places

Every screen, field, option and button that the guide of the original names, from its chapter “Setting up Tags” to its end, and where it stands on the pages. A test finds each of them there, under that name, and writes this list.
"""


def written() -> str:
    """The list in docs/guide/names.md."""
    parts = [HEAD]
    for chapter, rows in groupby(ROWS, key=lambda row: row.chapter):
        parts.append(f"\n## {chapter}\n\n| Name | What it is | Where |\n| --- | --- | --- |\n")
        parts += [f"| {_name(row)} | {row.kind} | {PLACES[row.place]} |\n" for row in rows]
    return "".join(parts)


def _name(row: Row) -> str:
    return f"**{row.name}**, here {row.shown}" if row.shown else f"**{row.name}**"


def pages_of(site: PlatformAccount) -> dict[str, str]:
    """The URL of each place."""
    assert site.acme.connection is not None
    of_event = ("custom-statuses", "configure", "attendee-types", "event-details", "questions")
    return {
        **{name: reverse(name) for name in ("tags", "registration-statuses", "flow-list", "connection-list")},
        "connection": reverse("connection-add", args=("webhook",)),
        "connection tested": reverse("connection", args=(site.acme.connection.pk,)),
        **{name: reverse(name, args=(EVENT,)) for name in of_event},
        **{name: reverse(name) for name in ("flow-new", "mapping-list", "mapping-new", "insights", "troubleshooting", "feed")},
        "records": reverse("records", args=("recorded",)),
        "failures": reverse("records", args=("in-retry-queue",)),
        "posts": reverse("posts", args=("webhooks",)),
        "replay": reverse("replay"),
        **{name: reverse("mapping", args=(site.acme.mapping.pk,)) for name in ("mapping", "mapping fields")},
        **{f"flow {name}": reverse("flow", args=(_watching(site, watch),)) for name, watch in WATCHES.items()},
        "flow attendees": reverse("flow", args=(_watching(site, Watch.REGISTRATION, ATTENDEE_TYPE_TAGS),)),
        "retry": reverse("retry"),
        "retry item": reverse("retry-item", args=(_waiting(site),)),
    }


def _waiting(site: PlatformAccount) -> str:
    """Lets a registration wait in the Retry Queue, since its status carries no tag; the item's key. Another one is delivered."""
    to = Destination(0, "CRM", connection=site.acme.connection.pk, payload_mapping=site.acme.mapping.pk)
    tags = (site.acme.tags["Registered"].pk,)
    with site.acme.setting_up() as transaction:
        save_flow(transaction, Flow(0, 1, "Takes tagged ones", Mode.LIVE, True, Watch.STATUS, statuses=tags, destinations=(to,)))
    site.record("W-1", status="Waitlist Hold")
    site.record("P-1", status="Paid")
    (sent, *_others) = (each["id"] for each in actions(site.store, site.pk) if each["code"] == "P-1")
    end_attempt(site.store, Committed(site.store, ConfigCache()), site.pk, sent, Delivered(200))
    ((run,),) = site.store.all("SELECT max(id) FROM stuck_run")
    return f"r{run}"


def _watching(site: PlatformAccount, watch: Watch, by: str = "event.code") -> int:
    """Creates a flow with a filter by a field and a destination with its mapping."""
    to = Destination(0, "CRM", connection=site.acme.connection.pk, payload_mapping=site.acme.mapping.pk)
    values = (EVENT,) if by == "event.code" else (str(site.acme.tags["Speaker"].pk),)
    row = FilterRow(by, Op.IS_ANY_OF, values)
    with site.acme.setting_up() as transaction:
        return save_flow(
            transaction, Flow(0, name=f"Watches for {watch}", mode=Mode.TEST, watch=watch, filters=(row,), destinations=(to,))
        ).pk


def test_everything_that_the_guide_names_is_found_there(database: DatabaseFacts, client: Client) -> None:
    with planned(database) as site:
        site.signs_in(client)
        addresses = pages_of(site)
        found = {}
        for place in dict.fromkeys(row.place for row in ROWS):
            answer = client.get(addresses[place])
            if place in FURTHER:
                form, button = FURTHER[place]
                answer = client.post(addresses[place], posted(answer.content.decode(), form) | button)
            assert answer.status_code == 200, place
            found[place] = names(answer.content.decode())
    missing = [
        f"{row.kind} {row.on_the_page!r} at {PLACES[row.place]}" for row in ROWS if (row.kind, row.on_the_page) not in found[row.place]
    ]
    assert not missing, "\n".join(missing)


def test_the_list_in_the_guide_is_the_one_that_was_tried() -> None:
    if os.environ.get("HELIOGRAPH_TEST_WRITE"):
        FILE.write_text(written(), "utf-8")
    assert FILE.read_text("utf-8") == written(), (
        "write it anew: HELIOGRAPH_TEST_WRITE=1 .venv/bin/pytest tests/integration/test_guide_names.py"
    )
    assert len(set(ROWS)) == len(ROWS)
