"""Erasing a person (B7): what goes, what stays, and what a sender that still has them can do."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from tests.databases import DatabaseFacts
from tests.doors import make_source
from tests.personal_data import PLANTED, kept_in
from tests.receiver import Answer, Received
from tests.story import Story

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.errors import NotInAccount
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.domain.registration.item_plan import ItemOutcome
from heliograph.jobs import control
from heliograph.jobs.models import Job, JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.recording.emptied_registration import empty_registration
from heliograph.recording.items import ItemResult, RecordItem
from heliograph.recording.record import record
from heliograph.registrations.erasures import erasure_job
from heliograph.registrations.erasures.person import people, person_of, told_of
from heliograph.registrations.erasures.person_erasure import erasure_of, keep_proposed, start_erasure
from heliograph.registrations.imports import preparation
from heliograph.setup.services.account_creation import AccountFacts, create_account
from heliograph.setup.setup_errors import Invalid
from heliograph.store import erasures
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.erasures import ErasureRow
from heliograph.store.stored_calls import pack_body, unpack_body

EMAIL = f"z@{PLANTED[2]}"
PERSON = {"first_name": PLANTED[0], "last_name": PLANTED[1], "email": EMAIL}
KINDS = JobKinds([erasure_job.kind()])


def erase(story: Story, code: str, *, reference: str = "DSR-1", confirmation: str = "") -> ErasureRow:
    with account_reader(story.account) as reader:
        person = person_of(reader, story.registrations[code])
    return start_erasure(
        story.account,
        person,
        why=ErasureReason.ASKED,
        reference=reference,
        confirmation=confirmation or person.confirmation,
        by="user:1",
    )


def run(erasure: ErasureRow) -> Job:
    assert erasure.job is not None
    job = Runner(KINDS).run_one(erasure.job)
    assert job.state == JobState.DONE, job.error
    return job


def interrupted(job: int) -> Job:
    """One chunk of a job, as if its process stopped after it."""
    stop = threading.Event()

    def stops(_job: Job) -> None:
        stop.set()

    return Runner(KINDS).run_one(job, stop=stop, watch=stops)


def send(story: Story, code: str, **document: Any) -> ItemResult:
    """A document by a token, as a source sends it again."""
    by_hand = document.pop("by_hand", False)
    item = RecordItem(story.account, {"event": "SUMMIT", "code": code, **document}, "token:1", by_hand=by_hand)
    with story.db.transaction():
        return record(story.db, [item], story.provider)[0]


def test_B7_both_registrations_of_a_person_are_emptied_and_every_figure_stays(story: Story, database: DatabaseFacts) -> None:
    crm = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(crm)])
    story.receiver.answer_all(lambda request: Answer(500, "no") if "PLNT-78" in request.body.decode() else Answer(200, "ok"))
    with story.worker():
        story.record("PLNT-77", status="Attended", profile=PERSON, sessions=[{"code": "KEYNOTE"}])
        story.record("PLNT-78", status="Attended", profile=PERSON | {"email": EMAIL.upper()})
        story.record("R1", status="Attended", first="Other")
        story.wait_for(lambda: story.states() == ["success", "queued", "success"])
    lanes = story.db.all("SELECT id, state, rank, pos, begun_version FROM lane ORDER BY id")
    before = story.figures()
    erasure = erase(story, "PLNT-77")
    job = run(erasure)
    assert story.states() == ["success", "failed", "success"]
    failed = story.db.all("SELECT cause, queue FROM action WHERE registration_id = :id", {"id": story.registrations["PLNT-78"]})
    assert failed == [("erased", 3)], "Failed, because the person was erased (D6)"
    assert job.counts["registrations"] == 2
    assert job.counts["undelivered"] == 1
    assert not kept_in(database, story.db)
    assert story.figures() == replace(before, queued=0, failed=1), "only the state of what is not sent any more moves"
    unchanged = [lane for lane in story.db.all("SELECT id, state, rank, pos, begun_version FROM lane ORDER BY id") if lane in lanes]
    assert len(unchanged) == len(lanes) - 1, "only the lane of what waited has changed"
    rows = story.db.all(
        "SELECT code, name, search, is_active, serial IS NOT NULL FROM registration WHERE erased_at IS NOT NULL ORDER BY id"
    )
    ids = [story.registrations[code] for code in ("PLNT-77", "PLNT-78")]
    assert [tuple(row) for row in rows] == [(f"erased-{id}", "", "", 0, 1) for id in ids]
    stored = erasure_of(story.account, erasure.id)
    assert (stored.ended is not None, stored.registrations, stored.applications) == (True, 2, ["CRM"])


def test_B7_a_source_cannot_bring_an_erased_person_back_but_a_person_can(story: Story, database: DatabaseFacts) -> None:
    story.record("PLNT-77", status="Attended", profile=PERSON)
    run(erase(story, "PLNT-77"))
    assert send(story, "PLNT-77", profile=PERSON) == ItemResult(ItemOutcome.ERASED)
    assert send(story, f"erased-{story.registrations['PLNT-77']}", status="New", by_hand=True) == ItemResult(ItemOutcome.ERASED)
    assert not kept_in(database, story.db)
    assert send(story, "PLNT-78", profile=PERSON).outcome is ItemOutcome.CREATED, "another registration of theirs"
    made = send(story, "PLNT-77", by_hand=True, profile={"first_name": "Again"})
    assert made.outcome is ItemOutcome.CREATED
    assert made.registration != story.registrations["PLNT-77"]
    assert send(story, "PLNT-77", order_code="1").outcome is ItemOutcome.UPDATED, "whoever was made by hand is there"


def test_B7_a_sender_that_waits_for_the_erasure_brings_nobody_back(story: Story) -> None:
    """On PostgreSQL it has read the row's old code while it waits; the event's lock is what it waits for first."""
    story.record("PLNT-77", status="Attended", profile=PERSON)
    outcomes: list[ItemResult] = []

    def sends() -> None:
        with closing(story.open()) as db, db.transaction():
            item = RecordItem(story.account, {"event": "SUMMIT", "code": "PLNT-77", "profile": PERSON}, "token:1")
            outcomes.extend(record(db, [item], Committed(db, ConfigCache())))

    sender = threading.Thread(target=sends)
    with story.db.transaction():
        assert empty_registration(story.db, story.account, story.registrations["PLNT-77"])
        sender.start()
        sender.join(0.3)
        assert sender.is_alive()
    sender.join(30)
    assert [each.outcome for each in outcomes] == [ItemOutcome.ERASED]
    assert story.db.all("SELECT count(*) FROM registration") == [(1,)]


def test_B7_what_is_in_flight_counts_as_delivered_and_leaves_no_words(story: Story, database: DatabaseFacts) -> None:
    may_answer = threading.Event()

    def late(request: Received) -> Answer:
        may_answer.wait(30)
        return Answer(200, json.dumps({"took": request.body.decode()}))

    crm = story.connection("CRM", "/crm")
    story.flow("Leads", [story.to(crm)])
    story.receiver.answer("/crm", late)
    try:
        with story.worker():
            story.record("PLNT-77", status="Attended", profile=PERSON)
            story.arrived("/crm", 1)
            run(erase(story, "PLNT-77"))
            assert story.states() == ["failed"]
            may_answer.set()
            story.until("PLNT-77", "success")
    finally:
        may_answer.set()
    assert story.attempts(story.action("PLNT-77")) == [("first", "", 200)]
    assert not kept_in(database, story.db)


def test_B7_a_run_that_waits_for_a_tag_ends(story: Story, database: DatabaseFacts) -> None:
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    story.record("PLNT-77", status="Waitlist Hold", profile=PERSON)
    assert [item["queue"] for item in story.stuck()] == ["Retry"]
    run(erase(story, "PLNT-77"))
    assert [(item["queue"], item["cause"]) for item in story.stuck()] == [("Done", "erased")]
    assert not kept_in(database, story.db)


def deep(levels: int, text: str) -> bytes:
    return b"[" * levels + json.dumps(text).encode() + b"]" * levels


def test_B7_no_stored_call_stops_an_erasure(story: Story, database: DatabaseFacts) -> None:
    """Bodies that nobody can record, signed and stored all the same: nested too deeply, broken, in other encodings and forms."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in EMAIL)
    naming = {
        "at Python's limit": deep(900, EMAIL),
        "below the parser's limit": deep(5_000, EMAIL),
        "beyond it": deep(20_000, EMAIL),
        "beyond it, never closed": b"[" * 20_000 + EMAIL.encode(),
        "beyond it, with escapes": b"[" * 20_000 + f'"{escaped}"'.encode(),
        "no JSON": b'{"mail": "' + EMAIL.encode(),
        "a form": b"mail=" + quote(EMAIL, safe="").encode() + b"&a=1",
        "UTF-16": json.dumps({"mail": EMAIL}).encode("utf-16"),
        "broken UTF-16": json.dumps({"mail": EMAIL}).encode("utf-16")[:-2],
        "not UTF-8": b'{"a": "\xff", "mail": "' + EMAIL.encode() + b'"}',
        "with a byte order mark": b"\xef\xbb\xbf" + json.dumps({"mail": EMAIL}).encode(),
        "no number": b'{"n": NaN, "mail": "' + EMAIL.encode() + b'"}',
    }
    others = {"another's, too deep": deep(20_000, "r1@example.org"), "empty": b"", "bytes": b"\xff\xfe\0", "another's": b'{"a": "R1"}'}
    source = make_source(story.db, "hostile", None, account=story.account)
    with story.db.transaction():
        for body in (*naming.values(), *others.values()):
            story.db.run(
                "INSERT INTO source_call (account_id, source_id, at, body) VALUES (:account, :source, :now, :body)",
                {"account": story.account, "source": source, "now": story.db.now(), "body": pack_body(body)},
            )
    story.record("PLNT-77", profile=PERSON)
    job = run(erase(story, "PLNT-77"))
    kept = [body and unpack_body(bytes(body)) for (body,) in story.db.all("SELECT body FROM source_call ORDER BY id")]
    assert kept[len(naming) :] == list(others.values()), "what does not name the person stays as it came"
    left = {name for name, body in zip(naming, kept, strict=False) if body and PLANTED[2] in json.dumps(body.decode("utf-8", "replace"))}
    assert not left
    assert job.counts["calls"] == len(naming)
    assert not kept_in(database, story.db)


def test_B7_an_erasure_that_is_interrupted_after_each_chunk_ends_alike(
    story: Story, database: DatabaseFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heliograph.store.queue.erased_deliveries.CHUNK", 2)
    for status in ("Pre-Registered", "Attended", "Cancelled", "Attended", "Cancelled"):
        story.record("PLNT-77", status=status, profile=PERSON)
    erasure = erase(story, "PLNT-77")
    assert erasure.job is not None
    turns = 0
    while control.find(erasure.job).state != JobState.DONE:
        job = interrupted(erasure.job)
        turns += 1
        if job.state == JobState.PAUSED:
            control.resume(erasure.job, story.account)
            assert EMAIL not in json.dumps(job.cursor), "the words wait sealed"
    assert turns > 5
    assert control.find(erasure.job).counts["timeline"] == 5
    assert not kept_in(database, story.db)


def test_B7_what_may_still_write_the_person_is_waited_for(story: Story, database: DatabaseFacts) -> None:
    story.record("PLNT-77", status="Attended", profile=PERSON)
    other = control.create(preparation.KIND, story.account, {"name": "people.csv"}, by="user:1")
    erasure = erase(story, "PLNT-77")
    assert erasure.job is not None
    job = Runner(KINDS).run_one(erasure.job)
    assert job.state == JobState.FAILED
    assert f"Job {other.pk} (import)" in job.error
    control.cancel(other.pk, story.account)
    control.resume(erasure.job, story.account)
    run(erasure)
    assert not kept_in(database, story.db)


def test_B7_it_is_confirmed_by_what_was_typed_and_the_reference_names_nobody(story: Story) -> None:
    story.record("PLNT-77", status="Attended", profile=PERSON)
    story.record("R1", status="Attended", first="Nameless")
    for typed, reference, field in (
        ("y@planted.example", "", "confirmation"),
        (EMAIL, "for Zaphodina", "reference"),
        (EMAIL, "x" * 61, "reference"),
    ):
        with pytest.raises(Invalid) as refused:
            erase(story, "PLNT-77", confirmation=typed, reference=reference)
        assert list(refused.value.fields) == [field]
    assert erase(story, "R1", confirmation="r1").registrations == 1, "whoever has no e-mail address is confirmed by the code"
    entries = story.db.all("SELECT what, kind, name, after FROM audit_entry WHERE what = 'erased'")
    ((what, kind, name, after),) = entries
    assert (what, kind, name) == ("erased", "person", "DSR-1")
    assert json.loads(after) if isinstance(after, str) else after == {"registrations": 1, "why": "asked"}


def test_B7_before_it_is_said_who_was_told_what(story: Story) -> None:
    crm, archive = story.connection("CRM", "/crm"), story.connection("Archive", "/archive")
    mapping = story.mapping("Mail", {"mail": "profile.email", "who": "profile.last_name"})
    story.flow("Leads", [story.to(crm, mapping=mapping)])
    story.flow("Archived", [story.to(archive)])
    story.receiver.answer("/archive", Answer(500, "no"))
    with story.worker():
        story.record("PLNT-77", status="Attended", profile=PERSON)
        story.record("PLNT-77", status="Cancelled")
        story.wait_for(lambda: sorted(story.states("PLNT-77")) == ["queued", "success", "success", "superseded"])
    with account_reader(story.account) as reader:
        (application,) = told_of(reader, person_of(reader, story.registrations["PLNT-77"]))
    assert (application.name, application.host, application.times) == ("CRM", f"127.0.0.1:{story.receiver.port}/…", 2)
    assert application.fields == ["Last Name", "E-mail"]
    assert application.first < application.last


def test_B7_people_of_another_account_are_not_there(story: Story) -> None:
    story.record("PLNT-77", status="Attended", profile=PERSON)
    other = create_account(AccountFacts("OTHER", "Other"), by="test").pk
    erasure = erase(story, "PLNT-77")
    with account_reader(other) as reader:
        assert people(reader, PLANTED[0]) == []
        with pytest.raises(NotInAccount):
            person_of(reader, story.registrations["PLNT-77"])
    with pytest.raises(NotInAccount):
        erasure_of(other, erasure.id)
    with story.db.transaction():
        assert erasures.propose(story.db, other, [story.registrations["PLNT-77"]], "source:1") == 0


def test_B7_a_source_proposes_once_and_a_person_decides(story: Story) -> None:
    for code in ("PLNT-77", "R1", "R2"):
        story.record(code, status="Attended", profile={"email": f"{code}@example.org"})
    ids = [story.registrations[code] for code in ("PLNT-77", "R1", "R2")]
    with story.db.transaction():
        assert erasures.propose(story.db, story.account, [*ids, 1], "source:1") == 3
        assert erasures.propose(story.db, story.account, ids, "source:1") == 0
    first, second, third = erasures.open_proposals(story.db, story.account)
    assert [first.registration, second.registration, third.registration] == sorted(ids)
    keep_proposed(story.account, second.id, by="user:1")
    with pytest.raises(NotInAccount):
        keep_proposed(story.account, second.id, by="user:1")
    run(erase(story, "PLNT-77"))
    assert [each.id for each in erasures.open_proposals(story.db, story.account)] == [third.id]
    decided = story.db.all("SELECT decision, decided_by FROM erasure_proposal WHERE decision <> '' ORDER BY id")
    assert [tuple(row) for row in decided] == [("erased", "user:1"), ("kept", "user:1")]
