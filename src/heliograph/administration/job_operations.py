"""What people may do with a job of the account, by its kind: pause it, resume it, cancel it.

Not for replays, dry runs and releases of a connection: `replay` and `connections` have operations of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from heliograph.accounts.models import Account
from heliograph.accounts.signal_switch import check_signal
from heliograph.connections import release_job
from heliograph.insights import record_export
from heliograph.jobs import control
from heliograph.jobs.models import Job
from heliograph.registrations import bulk_change
from heliograph.registrations.erasures import erasure_job
from heliograph.registrations.imports import preparation
from heliograph.replay import dry_run, send_job
from heliograph.retry import downloads, submit_job
from heliograph.setup import mark_test_job
from heliograph.sources import source_removal


class JobOperation(StrEnum):
    """The operations on jobs."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


_STOPPABLE: Final = frozenset({JobOperation.RESUME, JobOperation.CANCEL})
_PAUSABLE: Final = _STOPPABLE | {JobOperation.PAUSE}
OPERATIONS: Final[Mapping[str, frozenset[JobOperation]]] = {
    bulk_change.KIND: _STOPPABLE,
    preparation.KIND: _STOPPABLE,
    record_export.KIND: _STOPPABLE,
    submit_job.KIND: _PAUSABLE,
    downloads.KIND: _PAUSABLE,
    mark_test_job.KIND: frozenset({JobOperation.RESUME}),
    source_removal.KIND: _PAUSABLE,
    erasure_job.KIND: frozenset({JobOperation.RESUME}),
}
"""The operations that each kind allows."""
OF_SIGNAL: Final = frozenset({record_export.KIND, submit_job.KIND, downloads.KIND, dry_run.KIND, send_job.KIND, release_job.KIND})
"""The kinds of Signal's jobs."""
_DONE_BY: Final[Mapping[JobOperation, Callable[[int, int], Job]]] = {
    JobOperation.PAUSE: control.pause,
    JobOperation.RESUME: control.resume,
    JobOperation.CANCEL: control.cancel,
}


def find(account: Account, id: int) -> Job:
    """A job of the account. Raises UnknownJob; SignalOff for a job of Signal, whose page is closed then, too (N4)."""
    row = control.find(id, account.pk)
    if row.kind in OF_SIGNAL:
        check_signal(account)
    return row


def operate(account: Account, id: int, operation: JobOperation) -> Job:
    """Pauses, resumes or cancels a job of the account. Raises UnknownJob, SignalOff, NotPossible, TooMuchWork."""
    row = find(account, id)
    if operation not in OPERATIONS.get(row.kind, frozenset()):
        raise control.NotPossible(_("Jobs of the kind “%(kind)s” do not take this operation.") % {"kind": row.kind})
    return _DONE_BY[operation](id, account.pk)
