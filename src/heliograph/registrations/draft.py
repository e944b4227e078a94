"""The values of a registration's form, and the document that records its changes (I1; ARCHITECTURE.md, rule 1).

A form posts both the values that it showed and its current ones; only the differences are recorded. Values are compared as texts in which a
line break is one character, because browsers post line breaks differently.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.domain.errors import NotInAccount
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import RegistrationState
from heliograph.domain.registration.document_values import DocumentProblem
from heliograph.domain.registration.person_name import person_name
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.recording.contents import read_state
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.setup.form_values import YES, FormValues, in_order, one, plain
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.instants import from_micros

_CODE_SIGNS: Final = "ABCDEFGHJKMNPQRTUVWXY2346789"


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored registration with its set-up."""

    id: int
    code: str
    version: int
    state: RegistrationState
    sessions: Mapping[int, int]  # session id -> status id
    account: AccountConfig
    event: EventConfig
    last_change: int | None

    @property
    def name(self) -> str:
        """First and last name."""
        profile = self.state.profile
        return person_name(profile)

    @property
    def is_test(self) -> bool:
        """True if Live flows ignore it (F3)."""
        return self.state.is_test or self.account.is_test_event(self.event.state.status)


def opened(db: Database, account: int, event: str, code: str) -> Opened | None:
    """A registration by its event's code and its own; None if the account has no such registration."""
    rows = db.all(
        "SELECT r.id, r.code, r.version, r.state, r.event_id,"
        " (SELECT max(id) FROM change WHERE change.registration_id = r.id) FROM registration r JOIN event e ON e.id = r.event_id"
        " WHERE r.account_id = :account AND e.account_id = :account AND e.code = :event AND r.code = :code AND r.erased_at IS NULL",
        {"account": account, "event": event, "code": code},
    )
    if not rows or not rows[0][3]:
        return None
    id, stored_code, version, state, event_id, last = rows[0]
    sessions = db.all(
        "SELECT session_id, status_id FROM session_registration WHERE account_id = :account AND registration_id = :id",
        {"account": account, "id": id},
    )
    provider = Committed(db)
    return Opened(id, stored_code, version, read_state(state), dict(sessions), provider.account(account), provider.event(event_id), last)


def opened_many(db: Database, account: int, ids: Sequence[int]) -> dict[int, Opened]:
    """Registrations of the account by their ids, read in a few statements. Their last changes are not read."""
    if not ids:
        return {}
    params = {"account": account, "ids": list(ids)}
    rows = db.all(
        "SELECT r.id, r.code, r.version, r.state, r.event_id FROM registration r"
        f" WHERE +r.account_id = :account AND r.version > 0 AND r.erased_at IS NULL AND {db.member('r.id', 'ids')}",
        params,
    )
    sessions: dict[int, dict[int, int]] = {}
    for id, session, status in db.all(
        "SELECT registration_id, session_id, status_id FROM session_registration"
        f" WHERE +account_id = :account AND {db.member('registration_id', 'ids')}",
        params,
    ):
        sessions.setdefault(id, {})[session] = status
    provider = Committed(db)
    config, events = provider.account(account), provider.events({row[4] for row in rows})
    return {
        id: Opened(id, code, version, read_state(state), sessions.get(id, {}), config, events[event], None)
        for id, code, version, state, event in rows
    }


def opened_by_id(db: Database, account: int, id: int) -> Opened:
    """A registration by its id. Raises NotInAccount."""
    registration = opened_many(db, account, [id]).get(id)
    if registration is None:
        raise NotInAccount(f"There is no registration {id}.")
    return registration


def blank(db: Database, account: int, event: str) -> Opened | None:
    """An empty registration with the set-up of its event; None if the account has no such event."""
    rows = db.all("SELECT id FROM event WHERE account_id = :account AND code = :code", {"account": account, "code": event})
    if not rows:
        return None
    provider = Committed(db)
    config, at = provider.account(account), from_micros(db.now())
    status = next((id for id, s in config.statuses.items() if s.name == NEW), 0)
    return Opened(0, "", 0, RegistrationState("", status, at, at, at), {}, config, provider.event(rows[0][0]), None)


def free_code(db: Database, account: int, event: str) -> str:
    """An unused code of the event, such as K7MF-Q2XD: eight letters and digits, without those that look alike, such as O and 0."""
    while True:
        signs = "".join(secrets.choice(_CODE_SIGNS) for _ in range(8))
        code = f"{signs[:4]}-{signs[4:]}"
        if opened(db, account, event, code) is None:
            return code


def values_of(registration: Opened) -> FormValues:
    """The values that a form of the registration shows."""
    state = registration.state
    status, kind = registration.account.status(state.status, registration.event), registration.event.types.get(state.attendee_type or 0)
    shown_values: FormValues = {
        "status": one(status.name if status else ""),
        "attendee_type": one(kind.name if kind else ""),
        "active": (YES,) if state.active else (),
        "order_code": one(state.order_code),
        "properties": tuple(sorted(name for id, name in property_names(registration).items() if id in state.properties)),
    }
    shown_values |= {f"profile.{name}": one(state.profile.get(name, "")) for name in PROFILE_FIELDS}
    shown_values |= {f"custom.{id}": in_order(field, state.custom.get(id, ())) for id, field in registration.account.profile_fields.items()}
    shown_values |= {f"answer.{id}": in_order(field, state.answers.get(id, ())) for id, field in registration.event.questions.items()}
    for id in registration.event.sessions:
        of_session = registration.account.session_statuses.get(registration.sessions.get(id, 0))
        shown_values[f"session.{id}"] = one(of_session.name if of_session else "")
    return {name: tuple(plain(value) for value in values) for name, values in shown_values.items()}


def property_names(registration: Opened) -> dict[int, str]:
    """Standard and custom properties by id."""
    return {int(id): name for id, name in STANDARD_PROPERTY_NAMES.items()} | {p.id: p.name for p in registration.event.properties.values()}


def document_of(registration: Opened, changes: FormValues, then: FormValues) -> dict[str, object]:
    """The document (I2) that records only these changes."""
    document: dict[str, object] = {"event": registration.event.code, "code": registration.code}
    profile: dict[str, object] = {}
    custom: dict[str, object] = {}
    answers: dict[str, object] = {}
    sessions: list[dict[str, str]] = []
    for name, values in changes.items():
        area, _, rest = name.partition(".")
        if area in ("status", "attendee_type", "order_code"):
            document[area] = values[0] if values else None
        elif area == "active":
            document["active"] = bool(values)
        elif area == "properties":
            document["properties"] = {p: p in values for p in {*values, *then.get(name, ())} if (p in values) != (p in then.get(name, ()))}
        elif area == "profile":
            profile[rest] = values[0] if values else None
        elif area == "custom":
            custom[registration.account.profile_fields[int(rest)].code] = list(values) or None
        elif area == "answer":
            answers[registration.event.questions[int(rest)].code] = list(values) or None
        elif area == "session" and values:
            sessions.append({"code": registration.event.sessions[int(rest)].code, "status": values[0]})
    if custom:
        profile["custom"] = custom
    parts: dict[str, object] = {"profile": profile, "answers": answers, "sessions": sessions}
    return document | {name: part for name, part in parts.items() if part}


def save(db: Database, account: int, document: Mapping[str, object], *, by: str, expected: int | None) -> ItemResult:
    """Records a form in the caller's transaction."""
    item = RecordItem(account, document, by, by_hand=True, expected=expected)
    return record(db, [item], Committed(db))[0]


def field_of(problem: DocumentProblem, registration: Opened) -> str:
    """The form field to which a refused document's problem belongs."""
    area, _, rest = problem.field.partition(".")
    if area == "profile" and rest.startswith("custom."):
        code = rest.removeprefix("custom.")
        return next((f"custom.{f.id}" for f in registration.account.profile_fields.values() if f.code == code), "")
    if area == "answers":
        return next((f"answer.{f.id}" for f in registration.event.questions.values() if f.code == rest), "")
    if area.startswith("sessions"):
        return ""
    return "properties" if area == "properties" else problem.field
