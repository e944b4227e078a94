"""What a hostile sender tries at the fast door: staying forever, taking another's place, making it work for nothing (D9;
docs/reference/security.md)."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest
from tests.builders.running_account import RunningAccount
from tests.doors import JSON, NDJSON, PATH, acme, document, make_token, opened
from tests.waiting import PATIENCE, until

from heliograph.engine.ingest import door_protocol, fast_door, look_up_cache, reception, request_rules, token_cache
from heliograph.store.token_check import find_grant, new_token

__all__ = ["acme"]
POST = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n"


def is_closed(peer: socket.socket) -> bool:
    """True if the door has closed the connection; reads what it sent before."""
    peer.settimeout(0.1)
    try:
        return peer.recv(4096) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"", id="says nothing more"),
        pytest.param(b"\r\n", id="an empty line"),
        pytest.param(b"POST /ing", id="half a head"),
    ],
)
def test_D9_nobody_without_a_token_keeps_a_connection(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch, rest: bytes) -> None:
    """Bytes after an answer stopped uvicorn's keep-alive timeout, and no other timeout ran: a few thousand such connections closed the door
    for everyone."""
    monkeypatch.setattr(door_protocol, "HEAD_WITHIN", 0.5)
    monkeypatch.setattr(fast_door, "IDLE", 1)
    with opened(acme, "fast") as sender:
        peer = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
        peer.sendall(POST.encode() + b"Content-Length: 0\r\n\r\n")
        assert peer.recv(4096).startswith(b"HTTP/1.1 401 ")
        peer.sendall(rest)
        until(lambda: is_closed(peer))
        peer.close()


def test_D9_a_body_that_nobody_waits_for_is_not_waited_for(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by its head: the rest of the body, byte by byte, would keep the connection open."""
    monkeypatch.setattr(door_protocol, "REST_WITHIN", 0.5)
    with opened(acme, "fast") as sender:
        peer = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
        peer.sendall(POST.encode() + b"Content-Length: 100000\r\n\r\n{")
        assert peer.recv(4096).startswith(b"HTTP/1.1 401 ")
        peer.sendall(b"x")
        until(lambda: is_closed(peer))
        peer.close()


def test_D9_a_body_that_drips_is_given_up(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, the whole never is: the time counts from the start of the body."""
    monkeypatch.setattr(request_rules, "BODY_WITHIN", 1.0)
    with opened(acme, "fast") as sender:
        peer = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
        peer.sendall(POST.encode() + f"Authorization: Bearer {sender.token}\r\nContent-Length: 100000\r\n\r\n".encode())
        peer.settimeout(0.2)
        said = b""
        for _ in range(600):
            try:
                peer.sendall(b" ")
                said = peer.recv(4096)
            except TimeoutError:
                continue
            break
        assert said.startswith(b"HTTP/1.1 408 ")
        peer.close()


def test_D9_one_account_does_not_fill_the_room_of_all(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies in transit from one account: another's is still accepted."""
    acme.db.run(
        "INSERT INTO accounts_account (id, code, name, timezone, signal_enabled, created) VALUES (2, 'OTHER', 'Other', 'UTC', :yes, :now)",
        {"yes": True, "now": "2026-03-01 09:00:00+00:00"},
    )
    monkeypatch.setattr(reception, "BodyBudget", lambda: request_rules.BodyBudget(200_000))
    with opened(acme, "fast") as sender:
        greedy = make_token(acme.db, account=2)
        peers = []
        for _ in range(2):
            peer = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE)
            head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\nAuthorization: Bearer {greedy}\r\nContent-Length: 9000000\r\n\r\n"
            peer.sendall(head.encode() + b" " * 90_000)
            peers.append(peer)
        until(lambda: any(_has_answer(peer) for peer in peers))
        assert sum(b" 429 " in peer.recv(4096) for peer in peers if _has_answer(peer)) == 1  # it reached its account's own limit
        assert sender.post(document()).status == 201
        for peer in peers:
            peer.close()


def test_D9_guesses_do_not_keep_out_who_is_known(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """More guesses than may wait, while the database is slow: a known sender is looked up beside them."""
    go_on = threading.Event()

    def slowly(*asked: Any) -> Any:
        assert go_on.wait(2 * PATIENCE)
        return find_grant(*asked)

    known = make_token(acme.db)
    asked = token_cache.TokenCache(lambda: acme.open(read_only=True))
    try:
        first = asked.look_up(known)
        assert first is not None
        assert first.result(30)
        monkeypatch.setattr(token_cache, "find_grant", slowly)
        guesses = [asked.look_up(new_token()) for _ in range(look_up_cache.MOST_LOOK_UPS + 20)]
        again = asked.look_up(known)
        go_on.set()
        assert guesses.count(None) == 20
        assert again is not None
        assert again.result(30)
    finally:
        go_on.set()
        asked.close()


def _has_answer(peer: socket.socket) -> bool:
    peer.settimeout(0.1)
    try:
        return bool(peer.recv(4096, socket.MSG_PEEK))
    except TimeoutError:
        return False
