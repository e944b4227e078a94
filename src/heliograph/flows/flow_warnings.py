"""The warnings about a flow: connections that send nothing at present, and answers that its mappings join (M8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.connections.connection_list import ConnectionRow
from heliograph.domain.connection.connection_health import SENDS_NOTHING, UNUSABLE, Health
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.flows import flow_words
from heliograph.mappings.mapping_warnings import answer_tags, joined_answers, taken_by
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database


@dataclass(frozen=True, slots=True)
class FlowWarning:
    """A warning about a flow."""

    title: str
    text: str
    connection: int | None = None
    """The connection that sends nothing, or whose target refuses."""
    is_failure: bool = False
    """Whether what is sent over the connection fails."""
    event: str = ""
    """The code of the event whose questions share a tag."""


def flow_warnings(db: Database, flow: Flow, config: AccountConfig, rows: Mapping[int, ConnectionRow]) -> Sequence[FlowWarning]:
    """All warnings about a flow, saved or not.

    rows: the connections of the account, by id
    """
    return [*_silent_connections(flow, rows), *_no_live_event(db, flow, config), *_joined_answers(db, flow, config)]


def _no_live_event(db: Database, flow: Flow, config: AccountConfig) -> list[FlowWarning]:
    """A Live flow takes nothing while each event of the account is a test event."""
    if flow.mode is not Mode.LIVE:
        return []
    rows = db.all("SELECT DISTINCT status_id FROM event WHERE account_id = :account", {"account": config.id})
    if any(not config.is_test_event(status) for (status,) in rows):
        return []
    text = _("A Live flow takes live registrations of live events: it takes nothing until one of your events leaves Testing.")
    return [FlowWarning(_("No event is live yet"), text)]


def _silent_connections(flow: Flow, rows: Mapping[int, ConnectionRow]) -> list[FlowWarning]:
    """Connections that make the flow incomplete are left out, because the list of missing things names them."""
    troubles = flow_words.troubles_of(rows)
    chosen = dict.fromkeys(d.connection for d in flow.destinations if d.connection is not None)
    return [
        FlowWarning(
            _("%(name)s: %(state)s") % {"name": row.connection.name, "state": troubles[id].words},
            _("Everything this flow sends fails until somebody connects it again. Failed items wait in Retry for their three retries.")
            if row.health is Health.LOST
            else _("Everything this flow sends fails at its target. Failed items wait in Retry for their three retries.")
            if row.health in flow_words.FAILING
            else _("Everything this flow sends waits in order until the connection continues."),
            connection=row.id,
            is_failure=row.health in flow_words.FAILING,
        )
        for id in chosen
        if (row := rows.get(id)) is not None and row.health in (SENDS_NOTHING | flow_words.FAILING) - UNUSABLE
    ]


def _joined_answers(db: Database, flow: Flow, config: AccountConfig) -> list[FlowWarning]:
    """The tags whose answers the flow's mappings join, because several questions of an event carry the tag."""
    mappings = [config.mappings.get(id or 0) for d in flow.destinations for id in (d.payload_mapping, d.header_mapping)]
    tags = answer_tags(sorted({key for mapping in mappings if mapping for key in mapping.sources})).values()
    with scope(account=config.id):
        joined_by_tag = joined_answers(tags, taken_by([flow], config, Committed(db)))
    return [
        FlowWarning(
            _("Several questions share the tag %(tag)s") % {"tag": config.tags[tag].label if tag in config.tags else ""},
            _("In %(event)s: %(questions)s. Their answers are sent joined with “; ”.")
            % {"event": joined.event, "questions": ", ".join(f"“{label}”" for label in joined.questions[:4])},
            event=joined.event,
        )
        for tag, joined in sorted(joined_by_tag.items())
    ]
