"""Saves which event of Eventbrite a source reads: the list and the mapping that follow from it (S3)."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, count

from django.utils.translation import gettext as _

from heliograph.connections.models import Connection
from heliograph.connections.services.connections import ConnectionFacts, save_connection
from heliograph.domain.connection.connection import Auth, KeyPlace, Method
from heliograph.domain.connection.secret import Secret
from heliograph.domain.source.eventbrite import EVENTBRITE, EventbriteEvent, list_of, mapping_of
from heliograph.domain.source.rest_list import RestListError
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.sources.models import Source
from heliograph.sources.services.list_readings import save_list
from heliograph.sources.services.source_mappings import save_mapping
from heliograph.sources.services.sources import lock_source
from heliograph.sources.stored_mapping import stored_mapping


def eventbrite_event(source: Source) -> EventbriteEvent | None:
    """The event that a source reads; None before it was said."""
    body = json.loads(source.settings or "{}").get(EVENTBRITE)
    return EventbriteEvent.from_body(body) if body else None


def save_event(transaction: SetupTransaction, id: int, event: EventbriteEvent, *, token: str = "") -> Source:
    """Saves the event and the list that is read of it; and the mapping, if there is none yet. If its items may be others now, everything is read
    once more. Raises NotThere, Invalid.

    token: a private token, for which a connection is made
    """
    row = lock_source(id)
    if row.platform != EVENTBRITE:
        raise NotThere("This source does not read from Eventbrite.")
    if token.strip():
        if event.connection is not None:
            raise Invalid({"token": [_("Choose a connection or type a token, not both.")]})
        event = replace(event, connection=_own_connection(transaction, event.server, token.strip()))
    try:
        description = list_of(event)
    except RestListError as error:
        raise Invalid({"server" if error.place == "address" else error.place: [error.sentence]}) from None
    row.settings = json.dumps(json.loads(row.settings or "{}") | {EVENTBRITE: event.to_body()}, ensure_ascii=False)
    row.save(update_fields=["settings"])
    row = save_list(transaction, id, description)
    if not stored_mapping(row).rows:
        row = save_mapping(transaction, id, mapping_of(event.event_here or event.event))
    return row


def _own_connection(transaction: SetupTransaction, server: str, token: str) -> int:
    """A connection that holds the token. Returns its id. Raises Invalid."""
    taken = {name.casefold() for name in Connection.objects.filter(deleted_at=None).values_list("name", flat=True)}
    fields: dict[str, object] = {
        "auth": Auth.KEY.value,
        "method": Method.GET.value,
        "key_place": KeyPlace.BEARER.value,
        "name": next(name for name in chain(["Eventbrite"], (f"Eventbrite {n}" for n in count(2))) if name.casefold() not in taken),
    }
    try:
        return int(save_connection(transaction, ConnectionFacts(fields, url=f"{server}/v3/", secrets={Secret.KEY: token})).pk)
    except Invalid as error:
        raise Invalid({"token": [sentence for sentences in error.fields.values() for sentence in sentences]}) from None
