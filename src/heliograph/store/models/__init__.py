"""The hot tables (docs/design/recording.md, docs/design/queue.md, docs/design/figures.md).

Django creates and reads them; the hot path writes them by the plain SQL of `store` and `recording`. They hold ids of configuration as plain numbers,
because foreign keys would make every flow or connection a hot row. `recording` is the only writer of events, registrations and session
registrations.
"""

from heliograph.store.models.changes import Change, ChangeContent, Run, SavedCure, StuckRun
from heliograph.store.models.configuration_models import ConfigHistory, ConfigVersion
from heliograph.store.models.connection_models import ConnectionState, OAuthAccess, Secret
from heliograph.store.models.erasure_models import ErasedCode, Erasure, ErasureKey, ErasureProposal
from heliograph.store.models.figure_models import FigureBitmap, FigureDelta, FigureHour, FigureSum, PeopleSent
from heliograph.store.models.idempotency import Idempotency
from heliograph.store.models.operation_models import BackupRun, RestoredCopyRow
from heliograph.store.models.queue import Action, Attempt, AttemptContent, Lane, Slot, WorkerRow
from heliograph.store.models.retention_models import Retention, RetentionDay
from heliograph.store.models.subjects import Event, Registration, SessionRegistration

__all__ = (
    "Action",
    "Attempt",
    "AttemptContent",
    "BackupRun",
    "Change",
    "ChangeContent",
    "ConfigHistory",
    "ConfigVersion",
    "ConnectionState",
    "ErasedCode",
    "Erasure",
    "ErasureKey",
    "ErasureProposal",
    "Event",
    "FigureBitmap",
    "FigureDelta",
    "FigureHour",
    "FigureSum",
    "Idempotency",
    "Lane",
    "OAuthAccess",
    "PeopleSent",
    "Registration",
    "RestoredCopyRow",
    "Retention",
    "RetentionDay",
    "Run",
    "SavedCure",
    "Secret",
    "SessionRegistration",
    "Slot",
    "StuckRun",
    "WorkerRow",
)
