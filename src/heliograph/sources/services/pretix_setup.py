"""The set-up of a pretix source, step by step; what is done stays (S4).

    1 connect   a connection with the token, and the source as a draft
    2 events    which pretix events become which of ours
    3 match     what becomes of statuses, products and questions
    4 start     the source is switched on

What was read of the pretix stands in the source's settings, as `setup`, so that no page waits for another server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts, connection_row, save_connection
from heliograph.domain.connection.connection import Auth, KeyPlace, Method
from heliograph.domain.connection.secret import Secret
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.sentence_template import with_sentence
from heliograph.domain.source.pretix import PRETIX, PretixSettings
from heliograph.domain.source.pretix_catalogue import LONGEST_SLUG, MOST_STORED, CatalogueEvent, NotPretix, PretixCatalogue
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.models import Source
from heliograph.sources.pretix_requests import PretixRefusal, PretixRequests
from heliograph.sources.services.sources import add_source, lock_source, platform_row
from heliograph.store.instants import from_micros

NAME: Final = "pretix"
MOST_MATCHED: Final = 20_000
LONGEST_REFUSAL: Final = 1_000
LONGEST_KEY: Final = LONGEST_SLUG + 20
"""Characters of a slug with the number of a date."""
MEMBER: Final = "setup"
"""The member of a source's settings."""
SCHEME: Final = "Token "
"""What stands before the token in the header Authorization."""


@dataclass(frozen=True, slots=True)
class PretixAccess:
    """How a pretix is reached, as a form provides it."""

    address: str = ""
    token: str = ""
    """"" leaves a stored one unchanged."""
    connection: int | None = None
    """An existing connection, in place of address and token."""


@dataclass(frozen=True, slots=True)
class PretixSetup:
    """How far the set-up of a source has come."""

    connection: int | None = None
    is_own: bool = True
    """Whether the connection was made by the set-up, so that its address and token are edited there."""
    refusal: str = ""
    """Why pretix could not be asked the last time; "" if it could."""
    catalogue: PretixCatalogue = field(default_factory=PretixCatalogue)
    events: tuple[tuple[str, str], ...] = ()
    """The keys of the chosen events, series and dates (`CatalogueEvent.key`), each with the code of our event."""
    matched: tuple[str, ...] = ()
    """The products and questions that a person has seen and saved, by `part_keys`."""
    webhook: int | None = None
    """The id of the webhook that was set up in pretix; None if there is none, or a person made it."""
    looked_at: int = 0
    """When pretix was looked at by itself for the last time (microseconds)."""
    new_events: tuple[str, ...] = ()
    """The keys of events and dates that came since a person has chosen events."""

    @property
    def is_connected(self) -> bool:
        """Whether pretix has answered."""
        return bool(self.catalogue.organizers)

    @property
    def is_read(self) -> bool:
        """Whether the products and questions of all chosen events were read."""
        events = [self.catalogue.event(key) for key in self.chosen]
        return bool(events) and all(event is not None and event.was_read for event in events)

    @property
    def chosen(self) -> list[str]:
        """The keys of the chosen events."""
        return [key for key, _ in self.events]

    @property
    def chosen_series(self) -> list[CatalogueEvent]:
        """The chosen events as they were read, in place of dates their series."""
        return self.catalogue.series_of(self.chosen)

    def is_asked_about(self, event: CatalogueEvent) -> bool:
        """Whether an event that came to pretix is one to decide about. A date is if dates of its series were chosen, and not the whole series: with
        that it comes along."""
        if event.date is None:
            return True
        return event.slug not in self.chosen and any(key.startswith(f"{event.slug}/") for key in self.chosen)

    def part_keys(self) -> dict[str, str]:
        """The products and questions of the chosen events: a key of each, and its name."""
        events = self.chosen_series
        products = {f"item {item['id']}": str(item["name"]) for event in events for item in event.items}
        return products | {f"question {each['identifier']}": str(each["question"]) for event in events for each in event.questions}

    @property
    def new_parts(self) -> dict[str, str]:
        """The products and questions that came after the last match, by key; none before the first."""
        matched = set(self.matched)
        return {key: name for key, name in self.part_keys().items() if key not in matched} if matched else {}

    def to_body(self) -> dict[str, Any]:
        """The set-up as JSON."""
        return {
            "connection": self.connection,
            "own": self.is_own,
            **with_sentence("refusal", self.refusal),
            "catalogue": self.catalogue.to_body(),
            "events": [list(pair) for pair in self.events],
            "matched": list(self.matched),
            "webhook": self.webhook,
            "looked_at": self.looked_at,
            "new_events": list(self.new_events),
        }

    @classmethod
    def from_body(cls, value: object) -> PretixSetup:
        """Reads a set-up. Raises BodyError."""
        body = Body(value)
        catalogue = value.get("catalogue", {}) if isinstance(value, Mapping) else {}
        return cls(
            body.number("connection", least=1, most=2**53),
            body.flag("own", default=True),
            body.sentence("refusal", longest=LONGEST_REFUSAL),
            PretixCatalogue.from_body(catalogue),
            body.pairs("events", most=MOST_STORED, longest=LONGEST_KEY),
            body.texts("matched", most=MOST_MATCHED),
            body.number("webhook", least=1, most=2**53),
            body.number("looked_at", least=0, most=2**63 - 1) or 0,
            body.texts("new_events", most=MOST_STORED, longest=LONGEST_KEY),
        )


def setup_of(source: Source) -> PretixSetup:
    """How far the set-up of a source has come. One that a newer release has written counts as not begun."""
    try:
        settings = json.loads(source.settings or "{}")
        if MEMBER not in settings and PRETIX in settings:  # from a configuration file
            read = PretixSettings.from_body(settings[PRETIX])
            pairs = tuple((event.key, event.code) for event in read.events)
            return PretixSetup(read.connection, is_own=False, catalogue=PretixCatalogue(organizer=read.organizer), events=pairs)
        return PretixSetup.from_body(settings.get(MEMBER, {}))
    except (BodyError, ValueError, AttributeError):
        return PretixSetup()


def next_step(source: Source) -> str:
    """The name of the page on which the set-up goes on."""
    if PRETIX in json.loads(source.settings or "{}"):
        return "source-pretix-start"
    setup = setup_of(source)
    return "source-pretix-match" if setup.is_read else "source-pretix-events" if setup.is_connected else "source-pretix"


def pretix_row(id: int) -> Source:
    """A pretix source of the account in scope. Raises NotThere."""
    return platform_row(id, PRETIX)


# --- 1 connect


def connect(transaction: SetupTransaction, access: PretixAccess, id: int | None = None) -> Source:
    """Stores how a pretix is reached, of a new source (id None) or one that is being set up. Nothing is asked yet. Raises Invalid, NotThere.

    The errors are by the fields of PretixAccess.
    """
    row = None if id is None else lock_source(id)
    setup = PretixSetup() if row is None else setup_of(row)
    if access.connection is not None:
        connection_row(access.connection)
        connection, is_own = access.connection, False
    else:
        connection, is_own = _own_connection(transaction, access, setup), True
    if row is None:
        row = add_source(transaction, PRETIX, _free_name(Source.objects.filter(deleted_at=None)))
    if connection != setup.connection:
        setup = PretixSetup(connection)
    save_setup(transaction, row, replace(setup, is_own=is_own))
    return row


def _own_connection(transaction: SetupTransaction, access: PretixAccess, setup: PretixSetup) -> int:
    own = setup.connection if setup.is_own else None
    if not access.address.strip():
        raise Invalid({"address": [_("Give the address of your pretix.")]})
    if own is None and not access.token.strip():
        raise Invalid({"token": [_("Paste the token of the team.")]})
    fields: dict[str, object] = {
        "auth": Auth.KEY.value,
        "method": Method.GET.value,
        "key_place": KeyPlace.HEADER.value,
        "key_name": "Authorization",
        "name": _free_name(Connection.objects.filter(deleted_at=None)),
    }
    if own is not None:
        fields |= connection_row(own).body
    token = access.token.strip()
    secrets = {Secret.KEY: token if token.lower().startswith(SCHEME.lower()) else SCHEME + token} if token else {}
    try:
        return int(save_connection(transaction, ConnectionFacts(fields, url=api_address(access.address), secrets=secrets), own).pk)
    except Invalid as error:
        names = {"key": "token", "url": "address", "origin": "address"}
        raise Invalid({names.get(name, name): sentences for name, sentences in error.fields.items()}) from None


def api_address(address: str) -> str:
    """The address of the REST API, of whatever page of a pretix somebody has copied. Raises Invalid."""
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise Invalid({"address": [_("This is not the address of a server, such as https://pretix.eu.")]}) from None
    return f"{parts.scheme}://{parts.netloc}/api/v1/"


def address_of(setup: PretixSetup) -> str:
    """Scheme, host and port of the connection; "" without one."""
    if setup.connection is None:
        return ""
    row: Connection | None = Connection.objects.filter(pk=setup.connection, deleted_at=None).first()
    return str(row.body.get("origin", "")) if row is not None else ""


def _free_name(rows: Any) -> str:
    taken = {name.casefold() for name in rows.values_list("name", flat=True)}
    return next(name for name in chain([NAME], (f"{NAME} {n}" for n in count(2))) if name.casefold() not in taken)


# --- 2 events


def look(account: int, id: int, *, by: str, organizer: str = "") -> str:
    """Asks pretix for its organizers and events. Returns why it could not be asked, or "". Call it outside of a transaction. Raises NotThere."""
    setup = setup_of(pretix_row(id))
    try:
        catalogue = overview_of(requests_of(account, setup), setup, organizer)
    except (PretixRefusal, NotPretix) as error:
        after = replace(setup, refusal=error.sentence if len(error.sentence) <= LONGEST_REFUSAL else error.sentence[:LONGEST_REFUSAL])
    else:
        keys = {event.key for event in catalogue.events}
        chosen = tuple(pair for pair in setup.events if pair[0] in keys)
        after = replace(setup, refusal="", catalogue=catalogue, events=chosen)
    with saving(account, by=by) as transaction:
        save_setup(transaction, lock_source(id), after)
    return after.refusal


def overview_of(requests: PretixRequests, setup: PretixSetup, organizer: str = "") -> PretixCatalogue:
    """The organizers and events as they are now, with the products and questions that were read before. Raises PretixRefusal, NotPretix."""
    catalogue = requests.overview(organizer or setup.catalogue.organizer)
    known = {event.key: event for event in setup.catalogue.events} if catalogue.organizer == setup.catalogue.organizer else {}
    return replace(catalogue, events=tuple(event.with_parts_of(known.get(event.key, event)) for event in catalogue.events))


def requests_of(account: int, setup: PretixSetup) -> PretixRequests:
    """What asks the pretix of a set-up. Raises PretixRefusal."""
    origin = address_of(setup)
    if setup.connection is None or not origin:
        raise PretixRefusal("The connection of this source was deleted. Choose another one.")
    return PretixRequests(account, setup.connection, origin)


def save_setup(transaction: SetupTransaction, row: Source, setup: PretixSetup) -> None:
    """Stores the set-up of a locked source."""
    settings: Mapping[str, Any] = json.loads(row.settings or "{}")
    row.version += 1
    row.settings = json.dumps({**settings, MEMBER: setup.to_body()}, ensure_ascii=False)
    row.changed = from_micros(transaction.db.now())
    row.save(update_fields=["settings", "version", "changed"])
