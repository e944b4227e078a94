"""The ledger names every gap between a platform and the registrations here, with its reason, and repairs it (S9)."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django_scopes import scope
from tests.api_client import ApiClient
from tests.builders.call_mapping import call_row
from tests.builders.list_source import EVENT, ListSource, list_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.builders.stored_account import StoredAccount
from tests.builders.stored_source import StoredSource
from tests.databases import DatabaseFacts
from tests.page_text import text_of
from tests.rest_platform import Manners, Platform
from tests.rest_stub import RestStub

from heliograph.domain.delivery.action import ActionState, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.mapping.row import FixedText
from heliograph.domain.source.call_mapping import CallMapping, CallRow
from heliograph.domain.source.ledger_rules import GapCause, GapKind, Repair
from heliograph.domain.source.silence import HOUR, WEEK, Silence
from heliograph.domain.source.source_states import SourceState
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.recording.source_calls import process
from heliograph.setup.services.setup_save import saving
from heliograph.sources.gap_counter import count_gaps
from heliograph.sources.ledger_gaps import Gap
from heliograph.sources.models import Source, SourceChanges, SourceItem
from heliograph.sources.read_schedule import queue_due_sources
from heliograph.sources.services import ledger_repairs
from heliograph.sources.services.sources import add_source
from heliograph.sources.source_ledger import GapFilter, LedgerRow, SourceLedger, filtered_gaps, ledger_of
from heliograph.store.config_cache import Committed
from heliograph.store.installation_state import read_status
from heliograph.store.instants import from_micros

BY = "user:1"
ITEMS = 120
MISSING, OLDER, ONLY_HERE = (GapKind.MISSING, GapCause.LOST), (GapKind.OLDER, GapCause.LOST), (GapKind.ONLY_HERE, GapCause.UNSEEN)
KEPT, OLDER_KEPT = (GapKind.MISSING, GapCause.KEPT), (GapKind.OLDER, GapCause.KEPT)
REFUSED, OLDER_REFUSED = (GapKind.MISSING, GapCause.REFUSED), (GapKind.OLDER, GapCause.REFUSED)
DELETED = (GapKind.ONLY_HERE, GapCause.DELETED)


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def stub() -> Iterator[RestStub]:
    with RestStub(Platform(Manners(), random.Random(5))) as stub:
        for number in range(ITEMS):
            stub.write(f"k{number:03}", {"state": "new", "number": number})
        yield stub


@pytest.fixture
def source(site: PlatformAccount, stub: RestStub) -> ListSource:
    source = list_source(site.store, site.pk, stub.platform, stub.origin, overlap=60)
    source.read()
    return source


def ledger(source: ListSource) -> SourceLedger:
    with scope(account=source.account):
        return ledger_of(source.db, source.account)


def row_of(source: ListSource) -> LedgerRow:
    (row,) = [row for row in ledger(source).rows if row.source.pk == source.id and row.event == EVENT]
    return row


def named(source: ListSource) -> dict[str, tuple[GapKind, GapCause]]:
    """The gaps by the code of the registration."""
    return {gap.code: (gap.verdict.kind, gap.verdict.cause) for gap in ledger(source).gaps}


def repair(source: ListSource, gaps: list[Gap]) -> ledger_repairs.Repaired:
    with scope(account=source.account):
        return ledger_repairs.repair(source.account, gaps, by=BY)


def run(source: ListSource, sql: str, code: str, **params: object) -> None:
    with source.db.transaction():
        changed = source.db.run(sql, {"code": code, "account": source.account, **params})
    assert changed == 1, (sql, code)


def remove(source: ListSource, code: str) -> None:
    run(source, "DELETE FROM registration WHERE account_id = :account AND code = :code", code)


def put_back(source: ListSource, code: str) -> None:
    """The registration as a restored backup has it: from before its last change."""
    run(source, "UPDATE registration SET sent_modified = sent_modified - 1000000 WHERE account_id = :account AND code = :code", code)


def test_S9_a_source_that_was_read_has_no_gaps(source: ListSource, stub: RestStub) -> None:
    row = row_of(source)
    assert (row.balance.there, row.balance.recorded, row.balance.gaps) == (ITEMS, ITEMS, 0)
    for _ in range(10):
        stub.edit(10)
        source.read()
    source.sweep()
    source.sweep()
    assert source.state() == source.expected()
    assert named(source) == {}
    assert row_of(source).balance.there == len(stub.platform.rows)


def test_S9_each_of_50_planted_gaps_is_named_with_its_reason_and_repaired(
    site: PlatformAccount, source: ListSource, stub: RestStub, client: Client
) -> None:
    dice = random.Random(34)
    codes = [f"k{number:03}" for number in range(ITEMS)]
    dice.shuffle(codes)
    planted: dict[str, tuple[GapKind, GapCause]] = {}

    def next_codes(count: int, gap: tuple[GapKind, GapCause]) -> list[str]:
        taken = [codes.pop() for _ in range(count)]
        planted.update(dict.fromkeys(taken, gap))
        return taken

    for code in next_codes(5, DELETED):
        stub.write(code, None)
    source.sweep()
    source.sweep()
    source.sweep()
    with source.db.transaction():  # somebody sets them active by hand
        active = [{"event": EVENT, "code": code, "active": True} for code in planted]
        items = [RecordItem(source.account, document, by=BY, by_hand=True) for document in active]
        assert all(result.changes for result in record(source.db, items, Committed(source.db)))
    for code in next_codes(9, MISSING):
        remove(source, code)
    for code in next_codes(9, OLDER):
        put_back(source, code)
    for code in next_codes(6, ONLY_HERE):
        stub.write(code, None)
    source.sweep()
    map_by(source, *list_rows(), call_row("status", "state"))  # from now on a state is one that the event does not have
    for code in next_codes(4, OLDER_REFUSED):
        stub.write(code, {"state": "unheard-of", "number": 1})
    for code in (f"n{number}" for number in range(4)):
        planted[code] = REFUSED
        stub.write(code, {"state": "unheard-of", "number": 2})
    source.read()
    for code in next_codes(4, OLDER_KEPT):
        stub.write(code, {"state": "new", "number": 3})
    for code in (f"m{number}" for number in range(4)):
        planted[code] = KEPT
        stub.write(code, {"state": "new", "number": 4})
    source.due_now()
    queue_due_sources()
    source.run_job()  # its page is stored, and its recorder was killed
    planted |= plant_undelivered(site)

    gaps = all_gaps(source)
    assert len(planted) == 50
    assert {gap.code: (gap.verdict.kind, gap.verdict.cause) for gap in gaps} == planted
    balance = row_of(source).balance
    assert (balance.missing, balance.older, balance.only_here) == (17, 17, 11)
    assert balance.there is not None and balance.equal == balance.there - 34  # noqa: PT018
    refused = [gap for gap in gaps if gap.verdict.cause is GapCause.REFUSED]
    assert {(gap.problems[0].target, gap.problems[0].value) for gap in refused} == {("status", "unheard-of")}
    site.signs_in(client)
    page = client.get(f"/settings/sources/ledger/event/?event={EVENT}&kind=undelivered").content.decode()
    links = re.findall(r'<a class="name" href="(/signal/retry/[^"]+)"', page)
    assert len(links) == 5
    assert {client.get(link).status_code for link in links} == {200}

    map_by(source, *list_rows())
    done = repair(source, gaps)
    assert (done.begun, done.not_begun, done.refused) == (
        41,
        9,
        "",
    )  # what is kept is recorded next, an invalid message is sent from its page
    for _ in range(3):
        source.read()
    left = all_gaps(source)
    assert {gap.verdict.kind for gap in left} == {GapKind.UNDELIVERED}
    assert row_of(source).balance.there == len(stub.platform.rows)


def map_by(source: ListSource, *rows: CallRow) -> None:
    with source.db.transaction():
        mapping = json.dumps(CallMapping("[]", rows=rows).to_body())
        source.db.run("UPDATE source SET mapping = :mapping WHERE id = :id", {"mapping": mapping, "id": source.id})


def all_gaps(source: ListSource) -> list[Gap]:
    with scope(account=source.account):
        return filtered_gaps(ledger_of(source.db, source.account), GapFilter())


def plant_undelivered(site: PlatformAccount) -> dict[str, tuple[GapKind, GapCause]]:
    """Plants five messages and decisions that wait or failed, and two messages that are no gaps. Returns the gaps by the code."""
    places = [(status, cause) for status in ("New", "Attended") for cause in (GapCause.WAITS, GapCause.FAILED)]
    for status, cause in (*places, ("New", GapCause.INVALID)):
        stop_flow(site, f"{status}-{cause}", status, cause)
    site.record("on its way", status="New")
    stop_flow(site, "erased", "New", GapCause.FAILED, why=Cause.ERASED.value)
    return {f"{status}-{cause}": (GapKind.UNDELIVERED, cause) for status, cause in (*places, ("New", GapCause.INVALID))}


def stop_flow(site: PlatformAccount, code: str, status: str, cause: GapCause, *, why: str = "") -> None:
    """A registration of which a flow has a message or a decision that waits or failed.

    status: New is tagged, so the flow makes a message; another one waits to be decided
    """
    registration = site.record(code, status=status).registration
    states = {GapCause.WAITS: ActionState.QUEUED, GapCause.FAILED: ActionState.FAILED, GapCause.INVALID: ActionState.VALIDATION}
    queues = {GapCause.WAITS: QueueStatus.RETRY.code, GapCause.FAILED: QueueStatus.FAILED.code, GapCause.INVALID: 0}
    with site.store.transaction():
        params = {"registration": registration, "queue": queues[cause], "cause": why}
        table, also = ("action", f", state = {states[cause].value}, cause = :cause") if status == "New" else ("stuck_run", "")
        assert site.store.run(f"UPDATE {table} SET queue = :queue{also} WHERE registration_id = :registration", params) == 1


def list_rows() -> tuple[CallRow, ...]:
    return (
        call_row("event", FixedText(EVENT)),
        call_row("code", "id"),
        call_row("modified", "changed"),
        call_row("active", FixedText("true")),
        call_row("profile.organization", "state"),
        call_row("profile.position", "number"),
    )


def test_S9_one_gap_is_repaired_and_the_others_stay(source: ListSource) -> None:
    for code in ("k003", "k004"):
        remove(source, code)
    first, second = ledger(source).gaps
    assert (first.code, first.verdict.repair) == ("k003", Repair.READ)
    assert repair(source, [first]).begun == 1
    source.read()
    assert named(source) == {second.code: MISSING}


def test_S9_gaps_are_counted_for_the_metric_and_the_tab(site: PlatformAccount, source: ListSource, client: Client) -> None:
    for code in ("k003", "k004"):
        remove(source, code)
    assert read_status(site.store).ledger_gaps == 0
    assert count_gaps() == 1
    assert count_gaps() == 0  # they were counted just now
    assert read_status(site.store).ledger_gaps == 2
    site.signs_in(client)
    assert "Ledger 2 gaps" in text_of(client.get("/settings/sources/").content)
    repair(source, ledger(source).gaps)
    source.read()
    run(source, "UPDATE source SET gaps_counted = 1 WHERE account_id = :account AND name <> :code", "")
    assert count_gaps() == 1
    assert read_status(site.store).ledger_gaps == 0
    assert "gaps" not in text_of(client.get("/settings/sources/").content)
    assert "Ledger 2 gaps" not in text_of(client.get("/settings/sources/ledger/").content)


def test_S9_a_page_that_newer_data_has_overtaken_waits_no_longer(
    site: PlatformAccount, source: ListSource, stub: RestStub, client: Client
) -> None:
    for code in ("k003", "k004"):
        stub.write(code, {"state": "x" * 5_000, "number": 3})  # longer than a profile field
        source.read()
    waiting = "SELECT id FROM source_call WHERE state = 2 ORDER BY id"
    (first,), (second,) = site.store.all(waiting)
    count_gaps()
    assert site.store.all(waiting) == [(first,), (second,)]
    stub.write("k003", {"state": "shorter", "number": 3})
    source.read()
    assert named(source) == {"k004": OLDER_REFUSED}
    with site.store.transaction():
        site.store.run("UPDATE source SET gaps_counted = 1")
    count_gaps()
    assert site.store.all(waiting) == [(second,)]
    site.signs_in(client)
    page = text_of(client.get(f"/settings/sources/{source.id}/calls/{first}/").content)
    assert "Newer data has replaced what could not be recorded of it." in page
    assert named(source) == {"k004": OLDER_REFUSED}


# --- sources that only call


def test_S9_calls_that_wait_are_gaps_of_a_source_that_only_calls(site: PlatformAccount) -> None:
    with scope(account=site.pk), saving(site.pk, by=BY) as transaction:
        row = add_source(transaction, "webhook", "Press list")
        row.mapping, row.state = json.dumps(CallMapping(rows=list_rows()).to_body()), SourceState.ON
        row.save()
    calls = StoredSource(StoredAccount(site.store, Committed(site.store), site.pk), row.pk)
    first = {"id": "P-1", "changed": "2026-03-01T09:00:00Z", "state": "new", "number": 1}
    calls.call(first)
    calls.call(first | {"id": "P-2", "changed": "no time"})
    calls.call(first | {"id": ""})
    calls.call({})
    while process(site.store, Committed(site.store), row.pk).halt is None:
        pass
    with scope(account=site.pk):
        ledger = ledger_of(site.store, site.pk)
    rows = {row.event: (row.balance.there, row.balance.recorded, row.balance.missing) for row in ledger.rows}
    assert rows == {EVENT: (None, 1, 3)}
    assert [gap.code for gap in ledger.gaps] == ["", "", "P-2"]
    assert {gap.verdict.repair for gap in ledger.gaps} == {Repair.RUN_AGAIN}
    assert [problem.target for problem in ledger.gaps[2].problems] == ["modified"]
    calls.call(first | {"id": "P-2"})
    while process(site.store, Committed(site.store), row.pk).halt is None:
        pass
    with scope(account=site.pk):
        assert [gap.code for gap in ledger_of(site.store, site.pk).gaps] == ["", ""]  # a later call brought P-2


# --- by REST


def test_S9_calls_that_are_stored_and_not_recorded_are_gaps(site: PlatformAccount) -> None:
    with scope(account=site.pk), saving(site.pk, by=BY) as transaction:
        row = add_source(transaction, "webhook", "Press list")
        row.mapping, row.state = json.dumps(CallMapping(rows=list_rows()).to_body()), SourceState.ON
        row.save()
    calls = StoredSource(StoredAccount(site.store, Committed(site.store), site.pk), row.pk)
    first, long_ago = {"id": "P-1", "changed": "2026-03-01T09:00:00Z", "state": "new", "number": 1}, site.store.now() - HOUR
    calls.call(first)
    while process(site.store, Committed(site.store), row.pk).halt is None:
        pass
    calls.save(state=SourceState.PAUSED.value)
    calls.call(first, at=long_ago)  # brings nothing new
    calls.call(first | {"id": "P-2"}, at=long_ago)
    calls.call(first | {"changed": "2026-03-02T09:00:00Z"}, at=long_ago)
    calls.call(None, raw=b"{", at=long_ago)
    calls.call(first | {"id": "P-3"})  # came just now
    with scope(account=site.pk):
        ledger = ledger_of(site.store, site.pk)
    gaps = {gap.code: (gap.verdict.kind, gap.verdict.cause, gap.verdict.repair) for gap in ledger.gaps}
    assert gaps == {"P-2": (*KEPT, Repair.NONE), "P-1": (*OLDER_KEPT, Repair.NONE), "": (*KEPT, Repair.NONE)}
    assert {row.event: (row.balance.recorded, row.balance.gaps) for row in ledger.rows} == {EVENT: (1, 2), "": (0, 1)}
    calls.save(state=SourceState.ON.value)
    while process(site.store, Committed(site.store), row.pk).halt is None:
        pass
    with scope(account=site.pk):
        assert [gap.verdict.cause for gap in ledger_of(site.store, site.pk).gaps] == [GapCause.REFUSED]  # what is no JSON


def test_S9_the_ledger_is_read_by_rest(source: ListSource) -> None:
    for code in ("k003", "k004", "k005"):
        remove(source, code)
    put_back(source, "k006")
    api = ApiClient.for_account(source.account)
    (row,) = api.get("ledger")["items"]
    assert (row["event"], row["there"], row["recorded"], row["missing"], row["older"]) == (EVENT, ITEMS, ITEMS - 3, 3, 1)
    first = api.get("ledger/gaps?limit=3")
    following = api.get(first["next"].removeprefix("/api/v1/"))
    assert [gap["code"] for gap in [*first["items"], *following["items"]]] == ["k003", "k004", "k005", "k006"]
    assert following["next"] is None
    older = api.get(f"ledger/gaps?kind=older&event={EVENT}&source={source.id}")["items"]
    assert [(gap["code"], gap["cause"], gap["repair"]) for gap in older] == [("k006", "lost", "read")]
    assert older[0]["changed_there"] > older[0]["changed_here"]
    assert api.get("ledger/gaps?event=NOWHERE")["items"] == []
    assert api.get(f"ledger/flows?event={EVENT}")["items"] == []
    api.get("ledger/flows?event=NOWHERE", status=404)


def test_S9_a_source_that_usually_calls_now_is_guessed_to_be_silent(site: PlatformAccount) -> None:
    now = site.store.now()
    last = now - 6 * HOUR
    with scope(account=site.pk), saving(site.pk, by=BY) as transaction:
        row = add_source(transaction, "webhook", "Press list")
        row.mapping, row.state = json.dumps(CallMapping(rows=list_rows()).to_body()), SourceState.ON
        row.created, row.last_call_at = from_micros(now - 5 * WEEK), from_micros(last)
        row.save()
    calls = StoredSource(StoredAccount(site.store, Committed(site.store), site.pk), row.pk)
    for week in (1, 2, 3, 4):
        for call in range(10):
            body = {"id": f"P-{week}-{call}", "changed": "2026-03-01T09:00:00Z", "state": "new", "number": 1}
            calls.call(body, at=now - week * WEEK - 2 * HOUR - call)
    while process(site.store, Committed(site.store), row.pk).halt is None:
        pass

    def silence() -> Silence | None:
        with scope(account=site.pk):
            (row,) = ledger_of(site.store, site.pk).rows
        return row.silence

    assert silence() == Silence(last, 10)
    client = Client()
    site.signs_in(client)
    assert "usually 10 calls come in that time. This is a guess" in text_of(client.get("/settings/sources/ledger/").content)
    with scope(account=site.pk):
        Source.objects.filter(pk=row.pk).update(last_call_at=from_micros(now))
    assert silence() is None


# --- a webhook that is broken


def test_S9_that_a_webhook_is_broken_is_said_for_certain(site: PlatformAccount, client: Client) -> None:
    now = site.store.now()
    found, last_call = now - 3 * HOUR, now - 4 * HOUR
    site.record("S26-1")
    with scope(account=site.pk):
        with saving(site.pk, by=BY) as transaction:
            row = add_source(transaction, "pretix", "Brightfield tickets")
            row.state, row.path, row.last_call_at = SourceState.ON, "abcd-efgh-jkmn-pqrs", from_micros(last_call)
            row.save()
        SourceItem(account_id=site.pk, source=row, key="S26", digest=b"d", documents=json.dumps([[EVENT, "S26-1"]])).save()
        for hour, announced, unannounced in ((now - 5 * HOUR, 281, 0), (found, 0, 131)):
            at = hour if unannounced else None
            SourceChanges(
                account_id=site.pk,
                source=row,
                hour=hour - hour % HOUR,
                announced=announced,
                unannounced=unannounced,
                first_unannounced=at,
                last_unannounced=at,
            ).save()
    site.signs_in(client)

    def said(path: str) -> str:
        return text_of(client.get(f"/settings/sources/{path}").content)

    page = said(f"ledger/event/?event={EVENT}")
    assert "131 of 412 changes of the last 7 days were not announced by a call. Reading found them." in page
    assert "Your webhook at pretix is broken since" in page
    assert "That is certain." in page
    assert "Announced by a call 281 Found by reading only 131" in page
    assert "Your webhook at pretix is broken since" in said("ledger/")
    assert "pretix no longer tells us about changes." in said("")
    with scope(account=site.pk):
        Source.objects.filter(pk=row.pk).update(last_call_at=from_micros(now))
    assert "broken" not in said(f"ledger/event/?event={EVENT}")
    assert "Webhook broken" not in said("")
