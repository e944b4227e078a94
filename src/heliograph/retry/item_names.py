"""Names for the ids in rows of the Retry Queue: people, events, flows, connections, last answers, and what lacks a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.prospects import prospect_of_run, prospects
from heliograph.deliveries.refusals import last_failures
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import was_tried
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import Change, SubjectKind
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.missing_tag import TaggedParts, untagged_thing
from heliograph.retry.retry_items import NOTHING_UNTAGGED, RetryItem, StuckItem, Untagged
from heliograph.store.queue.action_rows import StoredAction


@dataclass
class ItemNames:
    """Reads the names of one account's items. The number of statements does not depend on the number of items."""

    reader: AccountReader

    def items_of_rows(self, rows: Sequence[StoredAction | StuckItem]) -> list[RetryItem]:
        """The rows as items, in their order."""
        reader = self.reader
        people = reader.people(row.registration for row in rows)
        events = reader.events([row.event for row in rows])
        flows = reader.flow_names([row.flow for row in rows])
        actions = [row for row in rows if isinstance(row, StoredAction)]
        failures = last_failures(reader, [a.id for a in actions if was_tried(a.cause)])
        connections = reader.connection_names(
            {id for a in actions for id in (a.connection, a.waits_at)} | {failure.connection for failure in failures.values()}
        )
        known = prospects(reader, actions)
        lacks = self.lacks([row for row in rows if isinstance(row, StuckItem)])
        items = []
        for row in rows:
            event = events.get(row.event)
            item = RetryItem(
                None,
                None,
                people.get(row.registration) if row.registration is not None else None,
                event.code if event else "",
                flows.get(row.flow, ""),
            )
            if isinstance(row, StoredAction):
                item = replace(
                    item,
                    action=row,
                    connection=connections.get(row.connection, ""),
                    failure=failures.get(row.id),
                    prospect=known[row.id],
                )
                item = replace(item, blamed_name=connections.get(item.blamed or 0, ""))
            else:
                prospect = prospect_of_run(reader.config, row.flow, row.mode, row.message)
                item = replace(item, run=row, lacks=lacks.get(row.id, NOTHING_UNTAGGED), prospect=prospect)
            items.append(item)
        return items

    def lacks(self, runs: Sequence[StuckItem]) -> dict[int, Untagged]:
        """The status or property that has no tag, by run. For a run that is Done: the one that had none when it was first judged."""
        provider = self.reader.provider
        changes = self.reader.changes(run.change for run in runs)
        events = self.reader.events([run.event for run in runs])
        lacks = {}
        for run in runs:
            change, (_account, _event, account_version, event_version) = changes.get(run.change, (None, (0, 0, 0, 0)))
            event, config = events.get(run.event), self.reader.config
            if change is None or event is None:
                continue
            if run.queue is QueueStatus.DONE:
                config = provider.account(self.reader.account, account_version or None)
                event = provider.event(run.event, event_version or None)
            lacks[run.id] = untagged(change, config, event)
        return lacks


def untagged(change: Change, config: AccountConfig, event: EventConfig) -> Untagged:
    """The status or property without a tag that keeps this change from being judged."""
    thing = untagged_thing(_parts(change), config, event)
    return Untagged(thing.kind, thing.name) if thing else NOTHING_UNTAGGED


def _parts(change: Change) -> TaggedParts:
    if change.kind is SubjectKind.EVENT and change.event_state:
        return TaggedParts(event_status=change.event_state.status)
    session = change.session.status if change.session is not None else None
    registration = change.registration
    if registration is None:
        return TaggedParts(session_status=session)
    return TaggedParts(None, session, registration.status, registration.properties)
