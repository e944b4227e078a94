"""Names for the ids in rows of the Retry Queue: people, events, flows, connections, last answers, and what lacks a tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliograph.deliveries.actions import Action
from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.registration.change import Change, SubjectKind
from heliograph.domain.setup.configuration import EventConfig
from heliograph.retry.retry_items import RetryItem, StuckItem


@dataclass
class ItemNames:
    """Reads the names of one account's items, a fixed number of statements for any number of them."""

    reading: AccountReader

    def items(self, rows: Sequence[Action | StuckItem]) -> list[RetryItem]:
        """The rows as items, in their order."""
        reading = self.reading
        people = reading.people(row.registration for row in rows)
        events = reading.events([row.event for row in rows])
        flows = reading.flow_names([row.flow for row in rows])
        actions = [row for row in rows if isinstance(row, Action)]
        connections = reading.connection_names([a.connection for a in actions])
        answered = self.answered([a.id for a in actions if a.cause is Cause.ANSWER])
        paused = self.paused({a.connection for a in actions})
        lacks = self.lacks([row for row in rows if isinstance(row, StuckItem)])
        out = []
        for row in rows:
            event = events.get(row.event)
            item = RetryItem(
                None,
                None,
                people.get(row.registration) if row.registration is not None else None,
                event.code if event else "",
                flows.get(row.flow, ""),
            )
            if isinstance(row, Action):
                item = replace(
                    item,
                    action=row,
                    connection=connections.get(row.connection, ""),
                    answered=answered.get(row.id),
                    paused=row.connection in paused,
                )
            else:
                item = replace(item, run=row, lacks=lacks.get(row.id, ""))
            out.append(item)
        return out

    def paused(self, connections: set[int]) -> set[int]:
        """Those of these connections that send nothing until somebody releases them."""
        if not connections:
            return set()
        rows = self.reading.db.all(
            f"SELECT connection_id FROM connection_state WHERE account_id = :account AND paused AND {self.reading.db.member('connection_id', 'ids')}",
            {"account": self.reading.account, "ids": sorted(connections)},
        )
        return {id for (id,) in rows}

    def answered(self, actions: Sequence[int]) -> dict[int, int]:
        """The status of each action's last refusal."""
        if not actions:
            return {}
        rows = self.reading.db.all(
            "SELECT action_id, status FROM attempt WHERE +account_id = :account AND status IS NOT NULL AND state <> 10"
            f" AND {self.reading.db.member('action_id', 'ids')} ORDER BY action_id, n",
            {"account": self.reading.account, "ids": list(actions)},
        )
        return dict(rows)

    def lacks(self, runs: Sequence[StuckItem]) -> dict[int, str]:
        """What has no tag, by run: the name of a status or property. For a run that is Done: what had none when it was first judged."""
        source = self.reading.source
        changes = self.reading.changes(run.change for run in runs)
        events = self.reading.events([run.event for run in runs])
        out = {}
        for run in runs:
            change, (_account, _event, account_version, event_version) = changes.get(run.change, (None, (0, 0, 0, 0)))
            event, config = events.get(run.event), self.reading.config
            if change is None or event is None:
                continue
            if run.queue is QueueStatus.DONE:
                config = source.account(self.reading.account, account_version or None)
                event = source.event(run.event, event_version or None)
            out[run.id] = untagged(change, config, event)
        return out


def untagged(change: Change, config: AccountConfig, event: EventConfig) -> str:
    """The name of the status or property without a tag that keeps this change from being judged."""
    if change.kind is SubjectKind.EVENT and change.event_state:
        status = config.event_statuses.get(change.event_state.status)
        return status.name if status else ""
    if change.session is not None:
        found = config.session_statuses.get(change.session.status)
        if found is not None and not found.tags:
            return found.name
    if change.registration is None:
        return ""
    of_registration = config.status(change.registration.status, event)
    if of_registration is not None and not of_registration.tags:
        return of_registration.name
    properties = [event.properties.get(id) for id in change.registration.properties]
    names = [p.name for p in properties if p is not None and not p.tags]
    return names[0] if names else (of_registration.name if of_registration else "")
