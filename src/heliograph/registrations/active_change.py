"""The change of Is Active, and the flows that would act on it. Clearing Is Active deletes a registration (P8)."""

from __future__ import annotations

from dataclasses import replace

from heliograph.accounts.save_order import SavedSince
from heliograph.domain.flow.decision import FlowVerdict, decide
from heliograph.domain.flow.flow import Flow
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.recording.items import ItemResult
from heliograph.registrations import draft
from heliograph.registrations.draft import Opened
from heliograph.store.database import Database


def flows_acting(registration: Opened) -> list[Flow]:
    """The flows that would act, by today's configuration, if Is Active were switched: cleared if it is set, set if it is cleared."""
    decisions = decide(_change(registration), registration.account, registration.event)
    return [decision.flow for decision in decisions if decision.verdict is FlowVerdict.TRIGGERED]


def set_active(db: Database, registration: Opened, *, active: bool, by: str) -> ItemResult:
    """Records the change in the caller's transaction. Raises SavedSince if somebody else has saved the registration since it was opened."""
    document = {"event": registration.event.code, "code": registration.code, "active": active}
    result = draft.save(db, registration.account.id, document, by=by, expected=registration.version)
    if result.outcome is ItemOutcome.CONFLICT:
        raise SavedSince
    return result


def _change(registration: Opened) -> Change:
    """The change that would be recorded."""
    state = replace(registration.state, active=not registration.state.active)
    return Change(
        0,
        SubjectKind.REGISTRATION,
        registration.id,
        registration.version + 1,
        Facet.UPDATED,
        registration.state.modified,
        "",
        registration=state,
        before={"active": registration.state.active},
    )
