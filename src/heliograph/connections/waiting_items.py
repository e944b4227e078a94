"""The items of the Retry Queue that wait for a connection, and the effect of a save or a new sign-in on them (D7).

The figures are counts at that moment, not promises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import CURED_BY_CONNECTION, Cause
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Mode
from heliograph.domain.flow.stop_causes import stop_of
from heliograph.store.database import Database
from heliograph.store.row_states import ACTION_IN_QUEUE
from heliograph.web.list_count import ListCount, many

MOST: Final = 10_000
"""Most items of a connection that are counted: the newest."""


@dataclass(frozen=True, slots=True)
class WaitingItems:
    """A connection's items in the Retry Queue, counted by what saving the connection would do to them."""

    due: int = 0
    """Items that saving makes due at once, and that nothing else holds."""
    waiting_for_flow: int = 0
    """Items that saving makes due at once, but whose flow is off, in its other mode, or incomplete."""
    used_up: int = 0
    """Items that are Failed: only a submit sends them."""
    is_paused: bool = False
    """Whether the connection is paused, so that nothing is sent before it is released."""
    is_more: bool = False
    """Whether there may be more of each, because no more than MOST are counted."""


def waiting_items(db: Database, config: AccountConfig, connection: int) -> WaitingItems:
    """Counts the items that wait for a connection: the newest MOST."""
    causes = ", ".join(f"'{cause.value}'" for cause in sorted(CURED_BY_CONNECTION))
    rows = db.all(
        "SELECT i.queue, i.flow_id, i.destination_id, i.mode, i.curable, count(*) FROM (SELECT a.queue, a.flow_id, a.destination_id, a.mode,"
        f" CASE WHEN a.state = {int(ActionState.QUEUED)} AND a.category = {Category.CONFIG.code} AND a.cause IN ({causes}) THEN 1 ELSE 0 END AS curable"
        f" FROM action a JOIN lane l ON l.id = a.lane_id WHERE a.account_id = :account AND a.{ACTION_IN_QUEUE} AND a.queue < :done"
        f" AND l.connection_id = :connection ORDER BY a.id DESC LIMIT {MOST + 1}) i GROUP BY i.queue, i.flow_id, i.destination_id, i.mode, i.curable",
        {"account": config.id, "connection": connection, "done": QueueStatus.DONE.code},
    )
    due = waiting_for_flow = used_up = 0
    for queue, flow, destination, mode, curable, count in rows:
        stop = stop_of(config, flow, destination, Mode.of_code(mode))
        if queue == QueueStatus.FAILED.code:
            used_up += count
        elif curable and stop in (None, Cause.CONNECTION_GONE):
            due += count
        elif curable:
            waiting_for_flow += count
    ((paused,),) = db.all(
        "SELECT count(*) FROM connection_state WHERE account_id = :account AND connection_id = :connection AND paused AND release_rate IS NULL",
        {"account": config.id, "connection": connection},
    )
    return WaitingItems(due, waiting_for_flow, used_up, bool(paused), is_more=sum(row[-1] for row in rows) > MOST)


def once_connected(items: WaitingItems) -> str:
    """The sentences that say what happens to waiting items as soon as somebody connects again."""
    due = ngettext(
        "%(n)s action waits for it in Retry, and is due as soon as you have connected again.",
        "%(n)s actions wait for it in Retry, and are due as soon as you have connected again.",
        items.due,
    ) % {"n": many(ListCount(items.due, items.is_more))}
    return _sentences(items, due, _("Nothing waits for it."))


def now_connected(items: WaitingItems) -> str:
    """The sentences that say what happened to items that were waiting when somebody connected."""
    due = ngettext("%(n)s action that waited for it is due now.", "%(n)s actions that waited for it are due now.", items.due) % {
        "n": many(ListCount(items.due, items.is_more))
    }
    return _sentences(items, due, _("Nothing waited for it."))


def _sentences(items: WaitingItems, due: str, nothing: str) -> str:
    sentences = [due if items.due else "" if items.waiting_for_flow or items.used_up else nothing]
    if items.waiting_for_flow:
        sentences.append(
            ngettext(
                "%(n)s waits for its flow, which is off, incomplete or in its other mode.",
                "%(n)s wait for their flow, which is off, incomplete or in its other mode.",
                items.waiting_for_flow,
            )
            % {"n": many(ListCount(items.waiting_for_flow, items.is_more))}
        )
    if items.used_up:
        sentences.append(
            ngettext(
                "%(n)s has used up its retries: submit it in Retry once you are connected.",
                "%(n)s have used up their retries: submit them in Retry once you are connected.",
                items.used_up,
            )
            % {"n": many(ListCount(items.used_up, items.is_more))}
        )
    if items.is_paused:
        sentences.append(_("The connection is paused: nothing is sent before it is released."))
    return " ".join(sentence for sentence in sentences if sentence)
