"""/ingest through both doors, on both databases: the fast door and the pages' port behave alike (I1-I3, O7)."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from tests.builders.running_account import ACCOUNT, RunningAccount
from tests.databases import DatabaseFacts
from tests.doors import JSON, NDJSON, PATH, Said, Sender, acme, document, make_token, opened
from tests.processes import free_port
from tests.waiting import PATIENCE, until

from heliograph.engine.ingest import batch_queue, door_protocol, fast_door, look_up_cache, problem_documents, request_rules
from heliograph.engine.ingest.reception import Reception
from heliograph.recording import batches
from heliograph.recording.items import RecordItem
from heliograph.store.config_cache import Committed, ConfigCache
from heliograph.store.database import Database
from heliograph.store.token_check import new_token

__all__ = ["acme"]


@pytest.fixture(params=["fast", "pages"])
def sender(acme: RunningAccount, request: pytest.FixtureRequest) -> Iterator[Sender]:
    with opened(acme, request.param) as made:
        yield made


def test_I2_a_registration_is_recorded_and_said_so(sender: Sender) -> None:
    created = sender.post(document(profile={"first_name": "Zoë"}))
    assert (created.status, created.json["outcome"], created.json["version"]) == (201, "created", 1)
    assert created.headers["content-type"] == JSON
    assert len(created.json["changes"]) == 1
    updated = sender.post(document(profile={"first_name": "Zoe"}))
    assert (updated.status, updated.json["outcome"], updated.json["version"]) == (200, "updated", 2)
    unchanged = sender.post(document(profile={"first_name": "Zoe"}))
    assert (unchanged.status, unchanged.json["outcome"], unchanged.json["changes"]) == (200, "unchanged", [])
    assert sender.changes == 2


def test_I2_what_is_wrong_is_named_with_its_field_and_what_is_allowed(sender: Sender) -> None:
    said = sender.post(document(status="Atended", nonsense=1))
    assert said.status == 400
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json["type"].startswith("urn:")
    assert said.json["status"] == 400
    by_field = {error["field"]: error for error in said.json["errors"]}
    assert "Attended" in by_field["status"]["allowed"]
    assert "profile" in by_field["nonsense"]["allowed"]
    unknown = sender.post({**document(), "event": "NOWHERE"})
    assert (unknown.status, unknown.json["errors"][0]["field"], unknown.json["errors"][0]["allowed"]) == (400, "event", ["SUMMIT"])
    assert sender.changes == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"event": "SUMMIT", "code": "R1", "profile": {"first_name": "a\\u0000b"}}', "profile.first_name"),
        (b'{"event": "SUMMIT", "code": "R1", "profile": {"first_name": "a\\ud800b"}}', "profile.first_name"),
        (b'{"event": "SUMMIT", "code": "R1", "answers": ' + b'{"a": ' * 20 + b"1" + b"}" * 20 + b"}", "answers.a.a.a.a.a.a.a"),
        (b'{"event": "SUMMIT", "code": "R1", "profile": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
        (b'{"event": "SUMMIT", "code": "R1", "code": "R2"}', "code"),
        (b'{"event": "SUMMIT", "code": "R1", "properties": {"Complete": true, "COMPLETE": false}}', "properties.COMPLETE"),
        (b'{"event": "SUMMIT", "code": "R1", "answers": {"a": [' + b"0, " * 2_000 + b"0]}}", ""),
        (b'{"event": "SUMMIT"', None),
        (b'["SUMMIT"]', None),
        (b'{"event": "\xff"}', None),
        (b'{"event": "SUMMIT", "code": NaN}', None),
        (b"", None),
    ],
)
def test_I2_what_no_database_takes_is_refused_before_it(sender: Sender, body: bytes, field: str | None) -> None:
    for more in ({}, {"Idempotency_Key": "k"}):
        said = sender.post(body, **more)
        assert said.status == 400, said.body
        assert said.headers["content-type"] == "application/problem+json"
        if field is not None:
            assert said.json["errors"][0]["field"].startswith(field)
    assert sender.changes == 0
    assert sender.post(document()).status == 201


def test_I2_every_line_of_many_has_its_own_answer(sender: Sender) -> None:
    said = sender.many(document("R1"), document("R2", status="Nope"), b"{", b"", document("R1", status="New"), document("R3"))
    assert said.status == 200
    assert said.headers["content-type"] == NDJSON
    assert [(line["line"], line["status"]) for line in said.lines] == [(1, 201), (2, 400), (3, 400), (5, 200), (6, 201)]
    assert said.lines[1]["errors"][0]["field"] == "status"
    assert said.lines[3]["version"] == 2
    assert sender.changes == 3


def test_I3_many_chunks_are_answered_in_the_order_of_their_lines(sender: Sender) -> None:
    count = 2 * request_rules.CHUNK + 7
    said = sender.many(*(document(f"R{n}") for n in range(count)))
    assert [line["line"] for line in said.lines] == list(range(1, count + 1))
    assert {line["status"] for line in said.lines} == {201}
    assert sender.changes == count


def test_I3_a_repeated_key_has_the_first_answer_and_makes_no_second_change(sender: Sender) -> None:
    first = sender.post(document(), Idempotency_Key="k1")
    sender.post(document(status="New"))
    again = sender.post(document(), Idempotency_Key="k1")
    assert (again.status, again.json) == (first.status, first.json)
    assert sender.changes == 2
    other = sender.post(document("R2"), Idempotency_Key="k1")
    assert (other.status, other.headers["content-type"]) == (422, "application/problem+json")
    assert sender.post(document("R2"), Idempotency_Key="k2").status == 201


def test_I3_the_key_of_many_holds_line_by_line(sender: Sender) -> None:
    sender.many(document("R1"), document("R2"), Idempotency_Key="import")
    again = sender.many(document("R1"), document("R9"), document("R3"), Idempotency_Key="import")
    assert [line["status"] for line in again.lines] == [201, 422, 201]
    assert sender.changes == 3
    assert sender.post(document("R1"), Idempotency_Key="import:1").json["changes"] == again.lines[0]["changes"]


def test_I3_refused_requests_are_not_remembered(sender: Sender) -> None:
    assert sender.post(document(status="Nope"), Idempotency_Key="k").status == 400
    assert sender.post(document(), Idempotency_Key="k").status == 201


@pytest.mark.parametrize("key", ["x" * 301, " ", ""])
def test_I3_a_key_is_printable_and_of_bounded_length(sender: Sender, key: str) -> None:
    connection = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
    body = json.dumps(document()).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sender.token}\r\nContent-Type: {JSON}\r\nIdempotency-Key: {key}\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    answer = b""
    while part := connection.recv(4096):
        answer += part
    connection.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Idempotency-Key" in answer


def test_who_may_not_is_told_so(sender: Sender) -> None:
    for token in ("", "nonsense", new_token()):
        said = sender.post(document(), Authorization=f"Bearer {token}" if token else "")
        assert said.status == 401
        assert said.headers["www-authenticate"].startswith("Bearer")
    reader = make_token(sender.acme.db, "read")
    assert sender.post(document(), Authorization=f"Bearer {reader}").status == 403
    assert sender.post(document(), Authorization=f"Basic {sender.token}").status == 401
    assert sender.changes == 0


def test_a_revoked_token_stops_within_two_seconds(sender: Sender) -> None:
    assert look_up_cache.KNOWN_FOR < 2
    assert sender.post(document()).status == 201
    with sender.acme.db.transaction():
        sender.acme.db.run("UPDATE api_token SET revoked = :now", {"now": sender.acme.db.now()})
    until(lambda: sender.post(document()).status == 401)


def test_the_rest_of_http_is_answered_by_problem_documents(sender: Sender) -> None:
    assert sender.post(document(), type="text/plain").status == 415
    assert sender.post(document(), type="").status == 415
    assert sender.post(document(), Content_Encoding="gzip").status == 415
    assert sender.post(document(), path="/ingest/nothing").status == 404
    wrong = sender.post(b"", method="GET")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert sender.post(b"\n" * 3, type=NDJSON).status == 400
    for said in (sender.post(document(), type="text/plain"), wrong):
        assert said.headers["content-type"] == "application/problem+json"


def test_I3_a_request_has_a_largest_size_and_most_lines(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rules, "LARGEST_ONE", 2_000)
    monkeypatch.setattr(request_rules, "MOST_LINES", 10)
    assert sender.post(document(profile={"notes": "x" * 3_000})).status == 413
    assert sender.many(*(document(f"R{n}") for n in range(11))).status == 413
    assert sender.changes == 0
    said = sender.many(document("R1"), document("R2", profile={"notes": "x" * 3_000}), document("R3"))
    assert [line["status"] for line in said.lines] == [201, 413, 201]


def test_I3_who_reads_after_the_whole_body_learns_that_it_is_too_large(acme: RunningAccount) -> None:
    """At the fast door. Proxies read after the body, too: a connection that is closed while it arrives is reset, and the reply is lost."""
    body = b"x" * 8 * request_rules.LARGEST_ONE
    with opened(acme, "fast") as sender, socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nAuthorization: Bearer {sender.token}\r\n"
        for length in (f"Content-Length: {len(body)}\r\n\r\n".encode(), b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)):
            connection.sendall(head.encode() + length + body + (b"" if b"Length" in length else b"\r\n0\r\n\r\n"))
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert (response.status, response.read()) == (413, problem_documents.too_large(request_rules.LARGEST_ONE).body)


def test_I3_a_body_without_a_length_is_bounded_too(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rules, "LARGEST_ONE", 2_000)

    def parts(size: int) -> Iterator[bytes]:
        yield b'{"event": "SUMMIT", "code": "R1", "profile": {"notes": "'
        yield b"x" * size
        yield b'"}}'

    for size, status in ((100, 201), (5_000, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", sender.port, timeout=PATIENCE)
        connection.request(
            "POST", PATH, parts(size), {"Content-Type": JSON, "Authorization": f"Bearer {sender.token}"}, encode_chunked=True
        )
        assert connection.getresponse().status == status
        connection.close()


def test_O7_more_than_fits_is_429_with_retry_after(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MOST_WAITING", 3)
    held = sender.acme.db  # nothing is recorded while this transaction is open
    first: list[Said] = []
    with held.transaction():
        held.run("UPDATE registration SET version = version")
        if held.vendor == "postgresql":
            held.run("LOCK TABLE registration IN ACCESS EXCLUSIVE MODE")
        waiting = threading.Thread(target=lambda: first.append(sender.post(document("R0"))))
        waiting.start()
        until(lambda: sender.reception.tokens.known(sender.token) is not None)
        until(lambda: sender.reception.writer.is_writing)
        done = threading.Event()
        sender.reception.writer.submit([RecordItem(ACCOUNT, document(f"Q{n}"), "test") for n in range(3)], 9, lambda _: done.set())
        said = sender.post(document("R1"))
        assert (said.status, said.headers["retry-after"]) == (429, "1")
    waiting.join(PATIENCE)
    assert first[0].status == 201
    assert done.wait(PATIENCE)
    assert sender.post(document("R1")).status == 201


def test_O7_bulk_without_room_waits_and_is_then_429(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_door, "MOST_CHUNKS", 1)
    monkeypatch.setattr(fast_door, "FIRST_CHUNK_WITHIN", 0.1)
    first: list[Said] = []
    with opened(acme, "fast") as sender:
        held, two_chunks = acme.db, [document(f"R{n}") for n in range(request_rules.CHUNK + 1)]
        with held.transaction():
            held.run("UPDATE registration SET version = version")
            if held.vendor == "postgresql":
                held.run("LOCK TABLE registration IN ACCESS EXCLUSIVE MODE")
            waiting = threading.Thread(target=lambda: first.append(sender.many(*two_chunks)))
            waiting.start()
            until(lambda: sender.reception.writer.is_writing)  # its first chunk has room
            said = sender.many(document("S1"), document("S2"))
            assert (said.status, said.headers["retry-after"]) == (429, "1")
        waiting.join(PATIENCE)
        # Once running, it waits for room for its second chunk without limit.
        assert [line["status"] for line in first[0].lines] == [201] * len(two_chunks)
        assert [line["status"] for line in sender.many(document("S1"), document("S2")).lines] == [201, 201]


def test_D9_one_account_does_not_fill_the_queue_of_all(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "MOST_OF_ONE", 2)
    held, writer = sender.acme.db, sender.reception.writer
    done = threading.Semaphore(0)

    def submit(account: int, codes: Sequence[str]) -> None:
        writer.submit([RecordItem(account, document(code), "test") for code in codes], 9, lambda _: done.release())

    with held.transaction():
        held.run("UPDATE registration SET version = version")
        if held.vendor == "postgresql":
            held.run("LOCK TABLE registration IN ACCESS EXCLUSIVE MODE")
        submit(ACCOUNT, ["R0"])
        until(lambda: writer.is_writing)
        submit(ACCOUNT, ["R1", "R2"])
        with pytest.raises(batch_queue.WriterBusy):
            submit(ACCOUNT, ["R3"])
        submit(ACCOUNT + 1, ["R1", "R2", "R3"])  # more at once than an account may have waiting: the first is always accepted
        with pytest.raises(batch_queue.WriterBusy):
            submit(ACCOUNT + 1, ["R4"])
    for _ in range(3):
        assert done.acquire(timeout=PATIENCE)
    submit(ACCOUNT, ["R4", "R5"])
    assert done.acquire(timeout=PATIENCE)


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_O7_a_database_that_fails_is_503_and_it_goes_on_by_itself(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    broken = threading.Event()

    def record_batch(db: Database, items: Any, provider: Any, *, endpoint: str = "") -> Any:
        answers = batches.record_batch(db, items, provider, endpoint=endpoint)
        if broken.is_set():  # the answer to COMMIT was lost
            raise sqlite3.OperationalError("disk I/O error")
        return answers

    monkeypatch.setattr("heliograph.engine.ingest.batch_writer.record_batch", record_batch)
    with opened(acme, kind) as sender:
        before = sender.changes
        broken.set()
        said = sender.post(document(kind), Idempotency_Key=kind)
        assert (said.status, said.headers["retry-after"]) == (503, "5")
        assert sender.many(document(kind + "2")).status == 503
        broken.clear()
        again = sender.post(document(kind), Idempotency_Key=kind)
        assert (again.status, again.json["outcome"]) == (201, "created")
        assert sender.changes == before + 2


def test_an_error_of_ours_spoils_no_neighbour(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def record_batch(db: Database, items: Any, provider: Any, *, endpoint: str = "") -> Any:
        if any(item.document["code"] == "BAD" for item in items):
            raise RuntimeError("a bug")
        return batches.record_batch(db, items, provider, endpoint=endpoint)

    monkeypatch.setattr("heliograph.engine.ingest.batch_writer.record_batch", record_batch)
    with opened(acme, "fast") as sender:
        said = sender.many(*(document(code) for code in ("R1", "R2", "BAD", "R3")))
        assert [line["status"] for line in said.lines] == [201, 201, 500, 201]


def test_documents_that_come_one_by_one_share_a_transaction(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "PACE", 600.0)
    with opened(acme, "fast") as sender:
        writer = sender.reception.writer
        assert sender.post(document("R0")).status == 201  # after a rest, and alone: at once
        with socket.create_connection(("127.0.0.1", sender.port), timeout=10):
            until(writer.queue.others_may_send)
            said: list[int] = []
            waiting = [threading.Thread(target=lambda code=code: said.append(sender.post(document(code)).status)) for code in ("R1", "R2")]
            for each in waiting:
                each.start()
            until(lambda: writer.queue._paces and writer.queue._waiting == len(waiting))
            assert not said
        assert sender.post(document("R3")).status == 201  # now everybody who is connected has sent
        for each in waiting:
            each.join(20)
        assert (said, writer.batches, writer.recorded) == ([201, 201], 2, 4)


def test_whoever_sends_one_after_the_other_does_not_wait(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_queue, "PACE", 600.0)
    with opened(acme, "fast") as sender, closing(http.client.HTTPConnection("127.0.0.1", sender.port, timeout=20)) as kept:
        for n in range(3):
            body = json.dumps(document(f"R{n}"))
            kept.request("POST", PATH, body, {"Content-Type": JSON, "Authorization": f"Bearer {sender.token}"})
            answer = kept.getresponse()
            answer.read()
            assert answer.status == 201
        assert sender.reception.writer.batches == 3


def test_a_dead_writer_is_noticed(acme: RunningAccount) -> None:
    deaths: list[BaseException] = []
    reception = Reception(acme.open, acme.open, lambda db: Committed(db, ConfigCache()), on_death=deaths.append)

    def raises(_: Any) -> None:
        raise RuntimeError("nobody expected this")

    reception.writer.submit([RecordItem(ACCOUNT, document(), "test")], 1, raises)
    until(lambda: bool(deaths) and not reception.writer.alive)
    reception.close()


def test_a_request_that_does_not_come_in_time_is_given_up(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rules, "BODY_WITHIN", 0.2)
    monkeypatch.setattr(door_protocol, "HEAD_WITHIN", 0.2)
    with opened(acme, "fast") as sender:
        slow_body = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sender.token}\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n"
        slow_body.sendall(head.encode() + b"{")
        assert slow_body.recv(4096).startswith(b"HTTP/1.1 408 ")
        slow_body.close()
        for beginning in (b"", b"POST /ingest/reg"):
            slow_head = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
            slow_head.sendall(beginning)
            assert slow_head.recv(4096) == b""
            slow_head.close()
        assert sender.post(document()).status == 201


def test_I3_what_the_writer_holds_for_too_long_is_unavailable_and_recorded_all_the_same(
    acme: RunningAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_rules, "REPLY_WITHIN", 0.2)
    held, free = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        held.set()
        free.wait(PATIENCE)

    with opened(acme, "fast") as sender:
        for code in ("R1", "R2"):  # the second one finds the watch of the first at its end
            held.clear()
            free.clear()
            sender.reception.writer.submit([], 0, hold)
            until(held.is_set)
            said = sender.post(document(code), Idempotency_Key=f"k-{code}")
            assert (said.status, said.headers["retry-after"]) == (503, "5")
            free.set()
            again = sender.post(document(code), Idempotency_Key=f"k-{code}")
            assert (again.status, again.json["outcome"]) == (201, "created")
        assert sender.changes == 2


def test_an_answer_without_a_body_is_sent_on_a_connection_that_stays(acme: RunningAccount) -> None:
    with opened(acme, "fast") as sender, closing(http.client.HTTPConnection("127.0.0.1", sender.port, timeout=PATIENCE)) as kept:
        for _ in range(2):
            kept.request("HEAD", PATH)
            answer = kept.getresponse()
            assert (answer.status, answer.read()) == (405, b"")
        kept.request("POST", PATH, json.dumps(document()), {"Content-Type": JSON, "Authorization": f"Bearer {sender.token}"})
        assert kept.getresponse().status == 201


def test_what_is_in_hand_is_answered_when_the_door_closes(acme: RunningAccount) -> None:
    with opened(acme, "fast") as sender:
        assert sender.post(document()).status == 201
    with pytest.raises(ConnectionRefusedError):
        sender.post(document())


def test_the_pages_are_still_there(acme: RunningAccount) -> None:
    with opened(acme, "pages") as sender:
        assert sender.post(b"", method="GET", path="/registrations/").body == b"a page"
        assert sender.post(b"", method="GET", path="/ingestion").body == b"a page"


@pytest.mark.once
def test_heliograph_serve_opens_both_doors(heliograph: Any, fresh_database: DatabaseFacts) -> None:
    acme = RunningAccount(fresh_database)
    with acme.db.transaction():
        acme.db.run(
            "INSERT INTO accounts_account (id, code, name, timezone, signal_enabled, created) VALUES (1, 'ACME', 'Acme', 'UTC', 1, '2026-03-01')"
        )
    token = make_token(acme.db)
    ports = [free_port() for _ in range(3)]
    binds = {
        f"HELIOGRAPH_{name}": f"127.0.0.1:{port}" for name, port in zip(("BIND", "INGEST_BIND", "OPERATIONS_BIND"), ports, strict=True)
    }
    process = heliograph("serve", **binds)
    process.until_printed("Heliograph serves")
    for port in ports[:2]:
        sender = Sender(acme, None, port, "", token)
        assert sender.post(document(f"R{port}")).status == 201
    assert process.terminate() == 0
    acme.close()
