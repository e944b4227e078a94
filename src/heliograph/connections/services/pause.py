"""Pausing a connection, letting it go on at once, or releasing what was held at a chosen rate (C8).

While a connection is paused nothing of it is read, so that holding 900,000 actions costs nothing, and nothing uses up a try. A release is a
job: it renews its leave every second, and without it the connection holds again. So to pause or stop the job is to hold what is left.
"""

from __future__ import annotations

from django.db import connections as databases
from django.db import transaction

from heliograph.accounts.audit import Deed
from heliograph.connections import release_job
from heliograph.connections.services.connections import connection_row
from heliograph.domain.errors import HeliographError
from heliograph.jobs import control
from heliograph.jobs.models import ENDED, Job, JobState
from heliograph.setup.errors import Invalid
from heliograph.setup.services import queue_effects
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.store import connection_states
from heliograph.store.database import of_django

WHY_LENGTH = 200
FASTEST = 1_000_000
"""Requests a minute: as for a connection's own limit."""


class NotPaused(HeliographError):
    """The connection is not paused: there is nothing to release."""


def pause(s: SetupTransaction, id: int, why: str) -> None:
    """Holds what the connection would send, in its order, also in the middle of a release. why: what pages show beside it. Raises NotThere."""
    row = connection_row(id)
    before = _said(s, id)
    connection_states.pause(s.db, s.account, id, why[:WHY_LENGTH])
    s.note(Deed.CHANGED, "connection", row, before, _said(s, id))


def resume(s: SetupTransaction, id: int) -> None:
    """Lets a paused connection send again, also one that a 410 paused; what it refused because of the set-up is due at once (D7).

    A Retry-After that is still running keeps holding it: that is the target's wish. A release that is under way ends. Raises NotThere.
    """
    s.needs_account()  # its lock: an attempt that ends meanwhile settles before the cure, or sees it
    row = connection_row(id)
    before = _said(s, id)
    queue_effects.connection_saved(s, id)  # lanes before the connection's state, as in settle
    connection_states.resume(s.db, s.account, id)
    s.note(Deed.CHANGED, "connection", row, before, _said(s, id))


def release(s: SetupTransaction, id: int, per_minute: int) -> Job:
    """Releases what a paused connection holds, in its order, at so many requests a minute; the job that does it, or that does it already.

    Once nothing is held any more the connection is open as before. What it refused because of the set-up is due at once, as after any fix.
    Raises NotThere, NotPaused, Invalid.
    """
    s.needs_account()
    if not 1 <= per_minute <= FASTEST:
        raise Invalid({"rate": [f"Give a whole number of requests a minute from 1 to {FASTEST:,}."]})
    row = connection_row(id)
    before = _said(s, id)
    if not before["paused"]:
        raise NotPaused
    queue_effects.connection_saved(s, id)
    connection_states.release(s.db, s.account, id, per_minute)
    job = (
        Job.objects.filter(kind=release_job.KIND, parameters__connection=id)
        .exclude(state__in=[*ENDED, JobState.CANCELLING])
        .order_by("-id")
        .first()
    )
    if job is None:
        job = control.create(release_job.KIND, s.account, {"connection": id, "name": row.name}, by=s.by)
    elif job.state in (JobState.PAUSED, JobState.FAILED):
        job = control.resume(job.pk, s.account)
    s.note(Deed.CHANGED, "connection", row, before, _said(s, id))
    return job


def state(account: int, id: int) -> tuple[connection_states.StoredConnectionState, str]:
    """How a connection stands, and why it is paused: for pages."""
    with transaction.atomic(using="read"):
        return connection_states.state_of(of_django(databases["read"]), account, id, lock=False)


def _said(s: SetupTransaction, id: int) -> dict[str, object]:
    """For the audit. It takes no lock: settle takes lanes before a connection's state, and a cure that follows would take them the other way round."""
    found, why = connection_states.state_of(s.db, s.account, id, lock=False)
    said: dict[str, object] = {"paused": found.paused, "why": why}
    return said | ({"released at": found.release_rate} if found.release_rate is not None else {})
