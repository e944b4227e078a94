"""Sources in every state, as pages show them: what doors and readers would have written is planted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from heliograph.store.instants import from_micros

if TYPE_CHECKING:
    from heliograph.sources.models import Source
    from heliograph.store.database import Database

MINUTE: Final = 60_000_000
BY: Final = "user:1"


def plant(store: Database, account: int, *, by: str = BY) -> dict[str, int]:
    """Sources of an account, each standing as its name says. Returns their ids by name.

    by: who has paused the one that is paused
    """
    from heliograph.domain.source.source_states import CallState, SourceState
    from heliograph.jobs.models import Job
    from heliograph.sources.models import CallKind, Source
    from heliograph.sources.services.sources import preset_settings

    def source(name: str, platform: str, state: int, **columns: object) -> Source:
        row = Source(account_id=account, name=name, platform=platform, state=state, created=now, created_by=by, changed=now, **columns)
        row.path = f"test-{platform}-{len(made)}-{account}"
        row.save()
        made[name] = row.pk
        return row

    made: dict[str, int] = {}
    now = store.now()
    settings = json.dumps(preset_settings("tito"))
    working = source("Works", "tito", SourceState.ON, settings=settings, last_call_at=from_micros(now - 2 * MINUTE))
    for age, state, changed in (
        (2, CallState.RECORDED, 1),
        (5, CallState.RECORDED, 0),
        (7, CallState.WAITING, 0),
        (9, CallState.NOTHING, 0),
    ):
        called(store, working, now - age * MINUTE, state=state, documents=2 if changed else 1, changed=changed)
    refusing = source("Refuses calls", "luma", SourceState.ON, last_call_at=from_micros(now - 90 * MINUTE))
    refused(store, refusing, now - 40 * MINUTE, "wrong signature", count=39)
    refused(store, refusing, now - 30 * MINUTE, "no signature", count=2)
    source("Takes any call", "webhook", SourceState.ON, settings='{"verification": {"proof": "none"}}')
    source("Is paused", "swoogo", SourceState.PAUSED, paused=from_micros(now - 60 * MINUTE), paused_by=by)
    draft = source("Not switched on", "hi-events", SourceState.DRAFT)
    called(store, draft, now - MINUTE, state=CallState.STORED)
    failing = '{"cause": "status", "words": "It answers 401: the token was revoked."}'
    source("Cannot be read", "rest", SourceState.ON, failures=3, failing_since=from_micros(now - 20 * MINUTE), failure=failing)
    source("Reads Certain", "certain", SourceState.DRAFT)
    source("Reads Eventbrite", "eventbrite", SourceState.DRAFT)
    asking = '{"filled": true, "passed": 37, "missing": 120, "known": 800}'
    source("Asks", "rest", SourceState.ON, cursor=asking, last_read_at=from_micros(now - 3 * MINUTE))
    columns = {"Reg no": {"to": "code"}, "Firm": {"to": "profile.organization"}, "Mail": {"to": "profile.email"}}
    words = "The file has no column 'Reg no'. Its columns are 'Code', 'Company'. Give its columns the names that the other files have."
    dropped = source(
        "Drop box",
        "folder",
        SourceState.ON,
        settings=json.dumps({"folder": {"event": "SUMMIT-26", "columns": columns}}),
        cursor=json.dumps({"failed": {"name": "partners.csv", "words": words}}),
        last_read_at=from_micros(now - 3 * MINUTE),
    )
    for age, name, why, state, changed in (
        (60, "guests.csv", "", CallState.RECORDED, 12),
        (3, "partners.csv", words, CallState.NOTHING, 0),
    ):
        about = json.dumps({"file": name, "job": None, "words": why})
        called(
            store,
            dropped,
            now - age * MINUTE,
            state=state,
            documents=14 if changed else 0,
            changed=changed,
            kind=CallKind.FILE,
            headers=about,
        )
    refused_row(store, dropped, now - 60 * MINUTE, "guests.csv", 9, ("SUMMIT-26", "G-09"), "“…” is no e-mail address.", column="Mail")
    refused_row(store, dropped, now - 3 * MINUTE, "partners.csv", 0, ("", ""), words)
    running = source(
        "Members", "command", SourceState.ON, settings='{"command": {"name": "crm", "every": 60}}', cursor='{"filled": true, "passed": 9}'
    )
    log = "INFO signing in with …\nINFO GET https://crm.example/members?page=1\nINFO 212 records, 9 of them new"
    facts = {"records": 212, "news": 9, "log": log}
    job = Job.objects.create(
        kind="run command", account_id=account, state="done", created_by=f"source:{running.pk}", is_paced=True, result=facts
    )
    running.reader_job, running.last_read_at = job.pk, from_micros(now - 3 * MINUTE)
    running.save()
    return made


def called(store: Database, source: Source, at: int, *, state: int, documents: int = 0, changed: int = 0, **columns: object) -> None:
    """Plants a call of a source."""
    from heliograph.sources.models import SourceCall

    SourceCall(account_id=source.account_id, source=source, at=at, state=state, documents=documents, changed=changed, **columns).save()


def refused_row(
    store: Database, source: Source, at: int, file: str, line: int, address: tuple[str, str], reason: str, *, column: str = ""
) -> int:
    """Plants a row of a file of a watched folder that was refused; line 0: the whole file. Returns its id."""
    from heliograph.domain.source.call_documents import CallProblem
    from heliograph.recording.source_calls import write_problems
    from heliograph.sources.models import SourceRefusedRow

    row = SourceRefusedRow(
        account_id=source.account_id,
        source=source,
        at=at,
        job_id=0,
        file=file,
        kept_as=f"20261130-090000-000_{file}",
        line=line,
        event=address[0],
        code=address[1],
        problem=write_problems([CallProblem(reason, path=column)]),
    )
    row.save()
    return int(row.pk)


def refused(store: Database, source: Source, at: int, reason: str, *, count: int) -> None:
    """Plants calls that were refused within an hour."""
    from heliograph.sources.models import SourceRefusal

    hour = at - at % (60 * MINUTE)
    SourceRefusal(account_id=source.account_id, source=source, hour=hour, reason=reason, count=count, first_at=at, last_at=at).save()
