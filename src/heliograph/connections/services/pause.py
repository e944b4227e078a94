"""Pauses a connection, resumes it, or releases what was held at a chosen rate (C8).

The worker does not read the lanes of a paused connection at all, so holding 900,000 actions costs nothing and uses no tries. A release is a
job that renews a permission of a few seconds every second; without it the connection pauses again. So pausing or cancelling the job holds the
remaining actions.
"""

from __future__ import annotations

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _

from heliograph.accounts.audit import Deed
from heliograph.connections import release_job
from heliograph.connections.services.connections import connection_row
from heliograph.domain.errors import HeliographError
from heliograph.jobs import control
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.setup.services import queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid
from heliograph.store import connection_states
from heliograph.store.django_database import read_database

WHY_LENGTH = 200
FASTEST = 1_000_000
"""Requests a minute; a connection's own rate has the same limit."""


class NotPaused(HeliographError):
    """The connection is not paused: there is nothing to release."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def pause(transaction: SetupTransaction, id: int, why: str) -> None:
    """Pauses a connection, even during a release; its actions keep their order. Raises NotThere.

    why: shown on pages; cut to WHY_LENGTH characters
    """
    row = connection_row(id)
    before = _audited_state(transaction, id)
    connection_states.pause(transaction.db, transaction.account, id, why[:WHY_LENGTH])
    transaction.note(Deed.CHANGED, "connection", row, before, _audited_state(transaction, id))


def resume(transaction: SetupTransaction, id: int) -> None:
    """Resumes a paused connection, also one that a 410 paused. Actions that failed because of the set-up become due at once (D7).

    A Retry-After that is still running remains in force, because the target asked for it. A running release ends. Raises NotThere.
    """
    transaction.needs_signal()  # locks: an attempt that ends at the same time settles before the fix, or sees it
    row = connection_row(id)
    before = _audited_state(transaction, id)
    queue_effects.connection_saved(transaction, id)  # lanes before the connection's state, in the same order as settling
    connection_states.resume(transaction.db, transaction.account, id)
    transaction.note(Deed.CHANGED, "connection", row, before, _audited_state(transaction, id))


def release(transaction: SetupTransaction, id: int, per_minute: int) -> Job:
    """Releases the actions that a paused connection holds, in order. Returns the new job, or the one that is already running.

    When nothing is held any more, the connection is open as before. Actions that failed because of the set-up become due at once, as after any
    fix.

    per_minute: requests a minute, 1 to FASTEST

    Raises NotThere, NotPaused, Invalid.
    """
    transaction.needs_signal()
    if not 1 <= per_minute <= FASTEST:
        refusal = _("Give a whole number of requests a minute from 1 to %(most)s.")
        raise Invalid({"rate": [refusal % {"most": intcomma(FASTEST)}]})
    row = connection_row(id)
    before = _audited_state(transaction, id)
    if not before["paused"]:
        raise NotPaused
    queue_effects.connection_saved(transaction, id)
    connection_states.release(transaction.db, transaction.account, id, per_minute)
    job = (
        Job.objects.filter(kind=release_job.KIND, parameters__connection=id)
        .exclude(state__in=[*ENDED, JobState.CANCELLING])
        .order_by("-id")
        .first()
    )
    if job is None:
        job = control.create(release_job.KIND, transaction.account, {"connection": id, "name": row.name}, by=transaction.by, is_paced=True)
    elif job.state in (JobState.PAUSED, JobState.FAILED):
        job = control.resume(job.pk, transaction.account)
    transaction.note(Deed.CHANGED, "connection", row, before, _audited_state(transaction, id))
    return job


def state(account: int, id: int) -> tuple[connection_states.StoredConnectionState, str]:
    """A connection's state, and why it is paused ("" if it is not), for pages."""
    with read_database() as db:
        return connection_states.state_of(db, account, id, lock=False)


def _audited_state(transaction: SetupTransaction, id: int) -> dict[str, object]:
    """The connection's state for the audit, read without a lock.

    Settling locks lanes before a connection's state. With a lock here, a fix in the same transaction would lock them in the opposite order.
    """
    stored, why = connection_states.state_of(transaction.db, transaction.account, id, lock=False)
    audit_body: dict[str, object] = {"paused": stored.paused, "why": why}
    return audit_body | ({"released at": stored.release_rate} if stored.release_rate is not None else {})
