"""Sources that read an event of Certain from the stub of its documentation, and what became of its registrations."""

from __future__ import annotations

from dataclasses import replace

from heliograph.domain.connection.secret import Secret
from heliograph.domain.source.certain import CertainEvent, list_of
from heliograph.domain.source.certain_registrations import CertainPart
from heliograph.recording.contents import read_state
from heliograph.registrations.list import RegistrationFilter, Registrations
from heliograph.setup.services.setup_save import saving
from heliograph.sources.services.certain_events import save_event
from heliograph.sources.services.list_readings import answer_missing, save_list
from heliograph.sources.services.source_mappings import KeptCalls, switch_on
from heliograph.sources.services.sources import add_source
from heliograph.sources.stored_mapping import stored_mapping
from tests.builders.account import BY
from tests.builders.call_mapping import call_row
from tests.builders.connection import connection
from tests.builders.list_source import EVENT, ListSource
from tests.builders.platform_account import PlatformAccount
from tests.certain_stub import CertainStub

type People = dict[str, tuple[object, ...]]
"""By code: status, last name, answer, Test."""
type Sessions = dict[tuple[str, str], str]
"""The status of each session registration that is not cancelled, by codes of registration and session."""


def event_of(site: PlatformAccount, stub: CertainStub, zone: str = "", name: str = "Certain") -> CertainEvent:
    """The event, with a connection to the stub."""
    secrets = {Secret.PASSWORD: stub.password}
    with saving(site.pk, by=BY, whole_account=True) as transaction:
        made = connection(
            transaction, name, f"{stub.origin}/", secrets=secrets, http=True, auth="Basic Authentication", user_name=stub.user
        )
    return CertainEvent(stub.origin, "ACME", EVENT, made.pk, zone)


def certain_source(site: PlatformAccount, stub: CertainStub, zone: str = "", part: CertainPart = CertainPart.REGISTRATIONS) -> ListSource:
    """A source that reads it, with a question and a property, and is on."""
    event = replace(event_of(site, stub, zone, f"Certain {part}"), part=part)
    with saving(site.pk, by=BY) as transaction:
        source = add_source(transaction, "certain", f"Certain {part}")
        save_event(transaction, source.pk, event)
        row = save_list(transaction, source.pk, replace(list_of(event), rate=6_000))  # else a test would take minutes
        mapping = stored_mapping(row)
        if part is CertainPart.REGISTRATIONS:
            more = (call_row("answers.diet", "answers.diet"), call_row("properties.Test", "properties.Test"))
            mapping = replace(mapping, rows=(*mapping.rows, *more))
        switch_on(transaction, source.pk, mapping, KeptCalls.QUIET)
    return ListSource(site.store, site.pk, source.pk, stub.platform)


def settle(source: ListSource) -> None:
    """Readings and sweeps until it is known what was deleted; a person agrees if that is much."""
    for _round in range(3):
        source.read()
        source.sweep()
        if source.progress.missing:
            with saving(source.account, by=BY) as transaction:
                answer_missing(transaction, source.id, set_inactive=True)
    source.read()


def people_here(source: ListSource) -> People:
    """The active registrations."""
    sql = "SELECT code, state FROM registration WHERE account_id = :account AND is_active AND code LIKE 'k%'"
    states = {code: read_state(state) for code, state in source.db.all(sql, {"account": source.account})}
    ((diet,),) = source.db.all("SELECT id FROM question WHERE account_id = :account AND code = 'diet'", {"account": source.account})
    rows = Registrations(source.db, source.account).walk(RegistrationFilter(), 0, 1_000)
    return {
        row.code: (row.status, str(state.profile["last_name"]), tuple(sorted(map(str, state.answers.get(diet) or ()))), state.is_test)
        for row in rows
        if (state := states.get(row.code)) is not None
    }


def people_there(source: ListSource) -> People:
    """The same of each registration that is active at Certain."""
    rows = {key: version.content or {} for key, version in source.platform.rows.items()}
    return {
        key: (str(each["status"]), str(each["number"]), tuple(sorted(each.get("diet", ()))), bool(each.get("test")))  # type: ignore[call-overload]
        for key, each in rows.items()
        if each["active"]
    }


def sessions_here(source: ListSource) -> Sessions:
    """Those of active registrations."""
    rows = source.db.all(
        "SELECT r.code, s.code, t.name FROM session_registration x JOIN registration r ON r.id = x.registration_id JOIN session s ON s.id = x.session_id"
        " JOIN session_status t ON t.id = x.status_id WHERE r.account_id = :account AND r.is_active AND r.code LIKE 'k%'",
        {"account": source.account},
    )
    return {(registration, session): status for registration, session, status in rows if status != "Cancelled"}


def sessions_there(source: ListSource) -> Sessions:
    """The same at Certain."""
    rows = {key: version.content or {} for key, version in source.platform.rows.items()}
    return {
        (key, code): status
        for key, each in rows.items()
        if each["active"]
        for code, status in each.get("sessions", {}).items()  # type: ignore[attr-defined]
        if status != "Cancelled"
    }
