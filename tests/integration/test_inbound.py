"""Calls to /in/<path> through both doors, on both databases (S2, O7)."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from tests.builders.inbound_calls import BODY, headers_of, secret_for, timestamp
from tests.builders.running_account import RunningAccount
from tests.doors import JSON, VAULT, Said, Sender, acme, add_secret, document, make_source, opened
from tests.waiting import PATIENCE, until

from heliograph.domain.source.handshake import ANY_GET, GRAPH, META, X_CRC
from heliograph.domain.source.inbound_request import RefusalReason
from heliograph.domain.source.verification import Proof, TimeUnit, Verification
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.engine.counters import STORED
from heliograph.engine.ingest import inbound_notes, inbound_rules
from heliograph.store.inbound_calls import find_source, insert_calls
from heliograph.store.stored_calls import unpack_body

__all__ = ["acme"]

STANDARD = PRESETS["standard-webhooks"].verification
GITHUB = PRESETS["github"].verification
SECRET = secret_for(STANDARD)
PATH = "abcd-1234-abcd-1234"
INSERT = "heliograph.engine.ingest.inbound_writer.insert_calls"


@pytest.fixture(params=["fast", "pages"])
def sender(acme: RunningAccount, request: pytest.FixtureRequest) -> Iterator[Sender]:
    with opened(acme, request.param) as made:
        yield made


def now() -> int:
    return time.time_ns() // 1000


def proven(verification: Verification, secret: str, body: bytes = BODY, id: str = "call-1", at: int | None = None) -> dict[str, str]:
    return headers_of(verification, secret, body, now() if at is None else at, id)


def send(sender: Sender, headers: dict[str, str], body: bytes = BODY, *, rest: str = "", method: str = "POST", path: str = PATH) -> Said:
    return sender.post(
        body,
        path=f"/in/{path}{rest}",
        method=method,
        Authorization=headers.get("authorization", ""),
        **{name: value for name, value in headers.items() if name != "authorization"},
    )


def stored(sender: Sender) -> list[tuple[Any, ...]]:
    rows = sender.acme.db.all("SELECT sender_id, headers, body, state, kind, account_id FROM source_call ORDER BY id")
    return [
        (sender_id, json.loads(headers), unpack_body(body), state, kind, account) for sender_id, headers, body, state, kind, account in rows
    ]


def refusals(sender: Sender) -> dict[str, int]:
    assert sender.reception.inbound is not None
    sender.reception.inbound.notes.write()
    return dict(sender.acme.db.all("SELECT reason, sum(count) FROM source_refusal GROUP BY reason"))


def test_S2_a_proven_call_is_stored_as_it_came_before_it_is_answered(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    body = b'\xef\xbb\xbf{"a":  "\xc3\xb6"}\n'
    said = send(sender, proven(STANDARD, SECRET, body, "msg-1"), body, rest="/registration/17?tenant=x")
    assert (said.status, said.json) == (200, {"outcome": "stored"})
    ((sender_id, headers, kept, state, kind, account),) = stored(sender)
    assert (sender_id, kept, state, kind, account) == ("msg-1", body, 0, 0, 1)
    assert headers["content-type"] == JSON
    assert headers[":path"] == "/registration/17"
    assert headers[":query"] == "tenant=x"
    assert headers["webhook-signature"] == "…"
    assert headers["webhook-id"] == "msg-1"
    assert SECRET not in json.dumps(headers)


def test_S2_a_call_that_is_sent_twice_is_kept_once(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    for id in ("msg-1", "msg-1", "msg-2", "msg-1"):
        assert send(sender, proven(STANDARD, SECRET, id=id)).status == 200
    assert [row[0] for row in stored(sender)] == ["msg-1", "msg-2"]


def test_S2_another_source_may_have_the_same_identifiers(sender: Sender) -> None:
    for path in (PATH, "other"):
        make_source(sender.acme.db, path, STANDARD, SECRET)
        assert send(sender, proven(STANDARD, SECRET), path=path).status == 200
    assert len(stored(sender)) == 2


def test_S2_a_refused_call_learns_nothing_and_is_counted_with_its_reason(sender: Sender) -> None:
    source = make_source(sender.acme.db, PATH, STANDARD, SECRET)
    add_secret(sender.acme.db, source, secret_for(STANDARD, "ended"), ends=now() - 1)
    right = proven(STANDARD, SECRET)
    refused = {
        RefusalReason.WRONG_SIGNATURE: (right, BODY + b" "),
        RefusalReason.NO_SIGNATURE: ({}, BODY),
        RefusalReason.TOO_OLD: (proven(STANDARD, SECRET, at=now() - 301_000_000), BODY),
        RefusalReason.TOO_NEW: (proven(STANDARD, SECRET, at=now() + 310_000_000), BODY),
        RefusalReason.ENDED_SECRET: (proven(STANDARD, secret_for(STANDARD, "ended")), BODY),
        RefusalReason.UNREADABLE_TIMESTAMP: (right | {"webhook-timestamp": "soon"}, BODY),
        RefusalReason.NO_ID: ({name: value for name, value in right.items() if name != "webhook-id"}, BODY),
    }
    answers = [send(sender, headers, body) for headers, body in refused.values()]
    assert {(said.status, said.body) for said in answers} == {(401, inbound_rules.NOT_PROVEN.body)}
    assert "www-authenticate" in answers[0].headers
    assert stored(sender) == []
    assert refusals(sender) == dict.fromkeys(refused, 1)
    send(sender, {})
    assert refusals(sender)[RefusalReason.NO_SIGNATURE] == 2


def test_S2_a_source_without_verification_or_secret_takes_nothing(sender: Sender) -> None:
    make_source(sender.acme.db, "unset", None)
    make_source(sender.acme.db, "bare", GITHUB)
    assert send(sender, {}, path="unset").status == 401
    assert send(sender, proven(GITHUB, ""), path="bare").status == 401
    assert refusals(sender) == {RefusalReason.NOT_SET_UP: 1, RefusalReason.NO_SECRET: 1}
    make_source(sender.acme.db, "open", Verification(Proof.NONE))
    assert send(sender, {}, path="open").status == 200


@pytest.mark.parametrize("slug", PRESETS)
def test_S2_each_preset_is_taken_by_the_door(acme: RunningAccount, slug: str) -> None:
    row = PRESETS[slug].verification
    secret = secret_for(row).replace(" ", "")
    make_source(acme.db, PATH, row, secret)
    for kind in ("fast", "pages"):
        with opened(acme, kind) as sender:
            body = BODY.replace(b"call-1", kind.encode())
            rest = f"/{quote(secret)}/more" if row.proof is Proof.PATH else "/more"
            assert send(sender, proven(row, secret, body, kind), body, rest=rest).status == 200
            assert send(sender, proven(row, secret_for(row, "b") if row.algorithm != "ed25519" else "", body), body + b" ").status == 401
    assert [row[0] for row in stored(sender)] == (["fast", "pages"] if row.id else ["", ""])
    assert {row[1][":path"] for row in stored(sender)} == {"/more"}
    assert secret not in json.dumps([row[1] for row in stored(sender)])


def test_S2_two_secrets_are_valid_at_once_and_a_change_counts_within_two_seconds(sender: Sender) -> None:
    source = make_source(sender.acme.db, PATH, STANDARD, SECRET)
    other = secret_for(STANDARD, "b")
    assert send(sender, proven(STANDARD, other)).status == 401
    second = add_secret(sender.acme.db, source, other)
    until(lambda: send(sender, proven(STANDARD, other, id="b")).status == 200)
    assert send(sender, proven(STANDARD, SECRET, id="a")).status == 200
    with sender.acme.db.transaction():
        sender.acme.db.run("UPDATE source_secret SET ends = :now WHERE id <> :second", {"now": now(), "second": second})
    until(lambda: send(sender, proven(STANDARD, SECRET, id="c")).status == 401)
    assert send(sender, proven(STANDARD, other, id="d")).status == 200


def test_S2_the_last_call_and_the_use_of_a_secret_are_noted(sender: Sender) -> None:
    source = make_source(sender.acme.db, PATH, STANDARD, SECRET)
    began = now()
    send(sender, proven(STANDARD, SECRET))
    assert sender.reception.inbound is not None
    sender.reception.inbound.notes.write()
    ((called, used),) = sender.acme.db.all(
        "SELECT s.last_call_at, k.used FROM source s JOIN source_secret k ON k.source_id = s.id WHERE s.id = :source", {"source": source}
    )
    assert called >= began
    assert used >= began


@pytest.mark.parametrize("path", ["nowhere", "Abcd", "a_b", "ab/..", "x" * 41, "%00", "ab%20", ""])
def test_S2_an_unknown_path_leads_nowhere(sender: Sender, path: str) -> None:
    for _ in range(2):  # the second time the door knows
        said = sender.post(BODY, path=f"/in/{path}", Authorization="")
        assert said.status == 404
        assert "ingest" not in said.body.decode()


def test_S2_a_removed_source_leads_nowhere_and_a_paused_one_keeps_its_calls(sender: Sender) -> None:
    source = make_source(sender.acme.db, PATH, STANDARD, SECRET, state=2)
    assert send(sender, proven(STANDARD, SECRET, id="paused")).status == 200
    draft = make_source(sender.acme.db, "draft", STANDARD, SECRET, state=0)
    assert send(sender, proven(STANDARD, SECRET), path="draft").status == 200
    with sender.acme.db.transaction():
        sender.acme.db.run(
            "UPDATE source SET deleted_at = :now WHERE id IN (:source, :draft)", {"now": now(), "source": source, "draft": draft}
        )
    until(lambda: send(sender, proven(STANDARD, SECRET, id="x")).status == 404)
    assert len(stored(sender)) >= 2


def test_S2_handshakes_are_answered_and_nothing_of_them_is_stored(sender: Sender) -> None:
    make_source(sender.acme.db, "meta", GITHUB, "s", handshake=replace(META, token="typed"))
    asked = "?hub.mode=subscribe&hub.challenge=42%C3%BC&hub.verify_token="
    said = sender.post(b"", path=f"/in/meta{asked}typed", method="GET", Authorization="")
    assert (said.status, said.body.decode(), said.headers["content-type"]) == (200, "42ü", "text/plain; charset=utf-8")
    assert said.headers["x-content-type-options"] == "nosniff"
    assert sender.post(b"", path=f"/in/meta{asked}other", method="GET", Authorization="").status == 401
    make_source(sender.acme.db, "graph", GITHUB, "s", handshake=GRAPH)
    assert sender.post(b"", path="/in/graph?validationToken=a%20b", Authorization="").body == b"a b"
    make_source(sender.acme.db, "cvent", PRESETS["cvent"].verification, "s", handshake=ANY_GET)
    assert sender.post(b"", path="/in/cvent/x", method="GET", Authorization="").status == 200
    zoom = PRESETS["zoom"]
    make_source(sender.acme.db, "zoom", zoom.verification, "s", handshake=zoom.handshake)
    body = b'{"event": "endpoint.url_validation", "payload": {"plainToken": "t"}}'
    assert send(sender, proven(zoom.verification, "s", body), body, path="zoom").json["plainToken"] == "t"
    assert send(sender, proven(zoom.verification, "x", body), body, path="zoom").status == 401
    assert stored(sender) == []
    assert refusals(sender) == {RefusalReason.WRONG_HANDSHAKE: 1, RefusalReason.WRONG_SIGNATURE: 1}


def test_S2_no_handshake_signs_a_call_for_a_stranger(sender: Sender) -> None:
    make_source(sender.acme.db, "x", GITHUB, "s", handshake=X_CRC)
    for text in (BODY.decode(), "12345", "true"):
        asked = sender.post(b"", path=f"/in/x?crc_token={quote(text)}", method="GET", Authorization="")
        made = base64.b64decode(asked.json["response_token"].removeprefix("sha256=")) if asked.status == 200 else b"\0" * 32
        assert send(sender, {"x-hub-signature-256": f"sha256={made.hex()}"}, text.encode(), path="x").status == 401
    assert stored(sender) == []
    assert refusals(sender) == {RefusalReason.WRONG_HANDSHAKE: 1, RefusalReason.WRONG_SIGNATURE: 1, RefusalReason.ONE_WORD: 2}


def test_S2_only_a_post_brings_anything(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, Verification(Proof.NONE))
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
        said = send(sender, {}, b"" if method in {"GET", "HEAD"} else BODY, method=method)
        assert (said.status, said.headers["allow"]) == (405, "POST")
    assert send(sender, {"content-encoding": "gzip"}).status == 415
    assert stored(sender) == []


def test_S2_a_large_call_is_taken_and_a_larger_one_is_not(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, GITHUB, "s")
    body = b'{"text": "' + b"x" * (inbound_rules.LARGEST_CALL - 12) + b'"}'
    assert len(body) == inbound_rules.LARGEST_CALL
    assert send(sender, proven(GITHUB, "s", body), body).status == 200
    assert stored(sender)[0][2] == body
    head = f"POST /in/{PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {inbound_rules.LARGEST_CALL + 1}\r\nConnection: close\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", sender.port), PATIENCE)) as connection:
        connection.sendall(head.encode())
        assert connection.recv(20).startswith(b"HTTP/1.1 413 ")
    chunked = b"%x\r\n%b\r\n" % (len(BODY), BODY) + b"0\r\n\r\n"
    head = f"POST /in/{PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    signed = "".join(f"{name}: {value}\r\n" for name, value in proven(GITHUB, "s", id="chunked").items())
    with closing(socket.create_connection(("127.0.0.1", sender.port), PATIENCE)) as connection:
        connection.sendall(f"{head}{signed}\r\n".encode() + chunked)
        assert connection.recv(20).startswith(b"HTTP/1.1 200 ")
    assert stored(sender)[1][2] == BODY


def test_O7_what_cannot_be_stored_is_not_acknowledged(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    assert send(sender, proven(STANDARD, SECRET)).status == 200

    def fails(*_: object) -> None:
        raise OSError("no disk")

    monkeypatch.setattr(INSERT, fails)
    said = send(sender, proven(STANDARD, SECRET, id="lost"))
    assert (said.status, said.headers["retry-after"]) == (503, "5")
    monkeypatch.setattr(INSERT, insert_calls)
    assert send(sender, proven(STANDARD, SECRET, id="lost")).status == 200
    assert [row[0] for row in stored(sender)] == ["call-1", "lost"]


def test_O7_many_calls_at_once_share_transactions_and_each_is_stored(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    answers: list[int] = []

    def some(n: int) -> None:
        answers.extend(send(sender, proven(STANDARD, SECRET, id=f"{n}-{i}")).status for i in range(20))

    threads = [threading.Thread(target=some, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == [200] * 160
    assert len({row[0] for row in stored(sender)}) == 160
    values = sender.reception.writer.counters.values
    assert values[STORED.end - 1] == 160
    assert sum(values[STORED.first : STORED.end - 1]) < 160


def test_S2_whoever_records_calls_is_woken(acme: RunningAccount) -> None:
    woken = threading.Event()
    make_source(acme.db, PATH, STANDARD, SECRET)
    for kind in ("fast", "pages"):
        with opened(acme, kind, on_stored=woken.set) as sender:
            send(sender, {})
            assert not woken.is_set()
            send(sender, proven(STANDARD, SECRET, id=kind))
            assert woken.wait(PATIENCE)
            woken.clear()


def test_S2_a_known_sender_keeps_its_connection_at_the_fast_door_and_a_stranger_does_not(acme: RunningAccount) -> None:
    make_source(acme.db, PATH, STANDARD, SECRET)
    with opened(acme, "fast") as sender, closing(http.client.HTTPConnection("127.0.0.1", sender.port, timeout=PATIENCE)) as connection:
        for id in ("a", "b"):
            connection.request("POST", f"/in/{PATH}", BODY, proven(STANDARD, SECRET, id=id))
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.headers["connection"]) == (200, None)
        with closing(http.client.HTTPConnection("127.0.0.1", sender.port, timeout=PATIENCE)) as stranger:
            stranger.request("POST", f"/in/{PATH}", BODY)
            answer = stranger.getresponse()
            answer.read()
            assert answer.status == 401
            assert answer.headers["connection"] == "close" or stranger.sock.recv(1) == b""  # the body may have come after the head


def test_S2_documents_go_on_while_calls_are_refused(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    for n in range(20):
        assert send(sender, {}).status == 401
        assert sender.post(document(f"R{n}")).status == 201


def test_S2_the_notes_of_a_flood_are_bounded(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_notes, "MOST_COUNTED", 2)
    notes = inbound_notes.InboundNotes(acme.open)
    make_source(acme.db, PATH, STANDARD, SECRET)
    source = find_source(acme.db, VAULT, PATH)
    assert source is not None
    at = now()
    for reason in RefusalReason:
        for _ in range(3):
            notes.refused(source, reason, at)
    notes.close()
    assert acme.db.all("SELECT count(*), sum(count), min(first_at), max(last_at) FROM source_refusal") == [(2, 6, at, at)]


def test_O8_a_secret_shows_nowhere(acme: RunningAccount) -> None:
    make_source(acme.db, PATH, STANDARD, SECRET)
    source = find_source(acme.db, VAULT, PATH)
    assert source is not None
    assert source.secrets[0].value == SECRET
    assert SECRET not in repr(source)
    assert not [row for row in acme.db.all("SELECT value FROM secret") if SECRET.encode() in bytes(row[0])]


ATTACKS = {
    "path traversal": "POST /in/../in/{path} HTTP/1.1\r\nHost: localhost\r\n",
    "absolute address": "POST http://localhost/in/{path} HTTP/1.1\r\nHost: localhost\r\n",
    "two lengths": "POST /in/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n",
    "length and chunks": "POST /in/{path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n",
    "negative length": "POST /in/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n",
    "other host": "POST /in/{path} HTTP/1.1\r\nHost: evil.example\r\n",
    "folded header": "POST /in/{path} HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n",
    "NUL in header": "POST /in/{path} HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_H1_a_head_with_two_readings_is_refused_here_too(sender: Sender, name: str) -> None:
    make_source(sender.acme.db, PATH, Verification(Proof.NONE))
    head = ATTACKS[name].format(path=PATH) + f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", sender.port), PATIENCE)) as connection:
        connection.sendall(head.encode() + BODY)
        answer = connection.recv(4096)
    assert re.match(rb"HTTP/1\.1 (400|404|501) ", answer), answer
    assert stored(sender) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 200_000, b"\xff\xfe", b"[null]", b'{"a": ' * 5_000, b"a=1&payload=%5B", b"\0" * 10])
def test_S2_no_body_is_lost_that_its_sender_has_signed(sender: Sender, body: bytes) -> None:
    """What is no JSON is said where it is recorded; the sender would only repeat it."""
    typeform = PRESETS["typeform"]
    make_source(sender.acme.db, PATH, typeform.verification, "s", handshake=PRESETS["slack"].handshake)
    assert send(sender, proven(typeform.verification, "s", body), body).status == 200
    assert stored(sender)[0][2] == body


def test_S2_odd_headers_are_kept_as_text(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, Verification(Proof.NONE))
    odd = {f"x-h{n}": "v" for n in range(70)} | {"x-odd": "ü\xff", "x-long": "y" * 5_000, "cookie": "session=1", "x-api-key": "hush"}
    assert send(sender, dict(reversed(odd.items()))).status == 200
    headers = stored(sender)[0][1]
    assert len(headers) <= inbound_rules.MOST_HEADERS + 2
    assert {headers.get("cookie", "…"), headers.get("x-api-key", "…")} == {"…"}
    assert len(headers.get("x-long", "")) <= inbound_rules.LONGEST_VALUE


def test_S2_a_timestamp_is_that_of_the_machine(sender: Sender) -> None:
    make_source(sender.acme.db, PATH, STANDARD, SECRET)
    headers = proven(STANDARD, SECRET)
    assert abs(int(headers["webhook-timestamp"]) - int(timestamp(TimeUnit.SECONDS, now()))) <= 1
    assert send(sender, headers).status == 200


def test_S2_bodies_of_strangers_keep_out_neither_documents_nor_other_sources(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound_rules, "MOST_CALL_BYTES", 4_000)
    make_source(acme.db, PATH, STANDARD, SECRET)
    make_source(acme.db, "other", STANDARD, SECRET)
    with opened(acme, "fast") as sender, ExitStack() as strangers:

        def is_full() -> bool:
            """Whether strangers' bodies fill the budget of the source. If not, another one tries: it is refused while a call's bytes are in hand."""
            if send(sender, proven(STANDARD, SECRET)).status == 503:
                return True
            stranger = strangers.enter_context(closing(socket.create_connection(("127.0.0.1", sender.port), PATIENCE)))
            stranger.sendall(f"POST /in/{PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n".encode() + b"x" * 1_990)
            return False

        until(is_full)
        said = send(sender, proven(STANDARD, SECRET))
        assert (said.status, said.headers["retry-after"]) == (503, "1")
        assert send(sender, proven(STANDARD, SECRET), path="other").status == 200
        assert sender.post(document()).status == 201
        strangers.close()
        until(lambda: send(sender, proven(STANDARD, SECRET, id="after")).status == 200)
