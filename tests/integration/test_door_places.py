"""Many connections at the fast door: whoever has a token is accepted beside them, and everybody else is bounded (H5; docs/reference/security.md)."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from structlog.testing import capture_logs
from tests.builders.running_account import RunningAccount
from tests.doors import JSON, NDJSON, PATH, Sender, acme, document, make_token, opened
from tests.waiting import PATIENCE, until

from heliograph.domain.client_address import ClientAddresses
from heliograph.engine.counters import ENDS, ConnectionEnd
from heliograph.engine.ingest import door_protocol, token_cache
from heliograph.engine.ingest.door_places import PlaceLimits
from heliograph.engine.supervisor.processes import tune
from heliograph.store.database import Database
from heliograph.store.token_check import ApiGrant, find_grant, new_token

__all__ = ["acme"]
CROWD = 2_000
POST = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n"
STRANGERS, HONEST = "127.0.0.2", "127.0.0.3"

KINDS = ["nothing", "half a head", "a guess and half a body"]


@pytest.fixture(autouse=True)
def many_files() -> None:
    tune()


def greeting_of(kind: str) -> bytes:
    """What a stranger sends."""
    if kind == "nothing":
        return b""
    guess = "" if kind == "half a head" else f"Authorization: Bearer {new_token()}\r\nContent-Length: 100000\r\n\r\n{{"
    return f"{POST}{guess}".encode()


def connect(sender: Sender, source: str = STRANGERS, greeting: bytes = b"") -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", sender.port), timeout=PATIENCE, source_address=(source, 0))
    if greeting:
        peer.sendall(greeting)
    return peer


def crowd(sender: Sender, stack: ExitStack, kind: str, sources: int) -> None:
    """As many connections as a crowd, from that many addresses."""
    for n in range(CROWD):
        stack.enter_context(
            connect(sender, STRANGERS if sources == 1 else f"127.1.{n % sources // 250}.{n % sources % 250 + 1}", greeting_of(kind))
        )


def endings(sender: Sender) -> Counter[str]:
    """Connections that the door has ended or refused, by reason."""
    values = sender.reception.writer.counters.values[ENDS : ENDS + len(ConnectionEnd)]
    return +Counter(dict(zip((end.value for end in ConnectionEnd), values, strict=True)))


def answer(peer: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(peer)
    response.begin()
    return response


def expect_problem(response: http.client.HTTPResponse, status: int, name: str) -> None:
    assert (response.status, json.loads(response.read())["type"]) == (status, f"urn:heliograph:problem:{name}")
    assert response.headers["Retry-After"]
    assert response.headers["Connection"] == "close"


@contextmanager
def busy(sender: Sender, token: str) -> Iterator[socket.socket]:
    """A connection with a valid token whose body does not arrive: the door says that it waits for it."""
    with connect(
        sender, HONEST, f"{POST}Authorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Length: 9000\r\n\r\n".encode()
    ) as peer:
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 ")
        yield peer


def add_account(acme: RunningAccount, id: int) -> str:
    """Another account; returns its token."""
    acme.db.run(
        "INSERT INTO accounts_account (id, code, name, timezone, signal_enabled, created) VALUES (:id, :code, 'Other', 'UTC', :yes, :now)",
        {"id": id, "code": f"OTHER{id}", "yes": True, "now": "2026-03-01 09:00:00+00:00"},
    )
    return make_token(acme.db, account=id)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sources", [1, 2_000], ids=["of one address", "each of its own"])
def test_H5_beside_2000_strangers_every_sender_with_a_token_is_accepted(acme: RunningAccount, kind: str, sources: int) -> None:
    with opened(acme, "fast") as sender, ExitStack() as stack:
        early = http.client.HTTPConnection("127.0.0.1", sender.port, timeout=PATIENCE)
        headers = {"Content-Type": JSON, "Authorization": f"Bearer {sender.token}"}
        early.request("POST", PATH, json.dumps(document("E1")), headers)
        assert early.getresponse().read()
        socket_before = early.sock
        crowd(sender, stack, kind, sources)
        statuses = [sender.post(document(f"R{n}"), source=HONEST if n % 2 else STRANGERS).status for n in range(20)]
        assert statuses == [201] * 20
        early.request("POST", PATH, json.dumps(document("E2")), headers)
        assert early.getresponse().status == 201
        assert early.sock is socket_before, "its connection has stayed"
        early.close()


def test_H5_a_flood_that_goes_on_keeps_nobody_out(acme: RunningAccount) -> None:
    """Strangers connect for as long as a sender of another address, which connects anew each time, posts."""
    with opened(acme, "fast") as sender, ExitStack() as stack:
        ended = threading.Event()
        peers: deque[socket.socket] = deque()

        def flood() -> None:
            for _ in range(20 * CROWD):
                if ended.is_set():
                    break
                peers.append(stack.enter_context(connect(sender)))
                if len(peers) > CROWD:
                    peers.popleft().close()

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            until(lambda: endings(sender)["address"] > 100)
            assert [sender.post(document(f"R{n}"), source=HONEST).status for n in range(50)] == [201] * 50
        finally:
            ended.set()
            thread.join(PATIENCE)
        assert set(endings(sender)) <= {"address", "strangers"}


def test_H5_a_stranger_whose_place_is_taken_is_told(acme: RunningAccount) -> None:
    with capture_logs() as lines, opened(acme, "fast", limits=PlaceLimits(most=4)) as sender:
        with connect(sender) as first, connect(sender) as second, connect(sender, HONEST):
            expect_problem(answer(first), 503, "full")
            assert first.recv(1) == b""
            second.sendall(f"{POST}Authorization: Bearer {sender.token}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert answer(second).status == 400
        assert endings(sender) == {"strangers": 1}
    assert [(line["reason"], line["address"], line["times"]) for line in lines if line["event"] == "connections_ended"] == [
        ("strangers", STRANGERS, 1)
    ]


def test_H5_a_trusted_proxy_is_no_stranger(acme: RunningAccount) -> None:
    clients = ClientAddresses([ipaddress.ip_network(f"{STRANGERS}/32")])
    with opened(acme, "fast", limits=PlaceLimits(most=20, of_address=1), clients=clients) as sender, ExitStack() as stack:
        peers = [stack.enter_context(connect(sender)) for _ in range(15)]
        guess = f"{POST}Authorization: Bearer {new_token()}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        for peer in peers:  # a client of the proxy without a token, then another one with its own
            peer.sendall(guess)
            refused = answer(peer)
            assert refused.status == 401
            refused.read()
            peer.sendall(f"{POST}Authorization: Bearer {sender.token}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            assert answer(peer).status == 400
        assert not endings(sender)


def test_H5_one_account_has_half_of_the_places(acme: RunningAccount) -> None:
    other = add_account(acme, 2)
    with opened(acme, "fast", limits=PlaceLimits(most=4)) as sender, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(busy(sender, other))
        with connect(sender, HONEST, f"{POST}Authorization: Bearer {other}\r\nContent-Length: 2\r\n\r\n{{}}".encode()) as peer:
            expect_problem(answer(peer), 429, "connections")
        assert sender.post(document()).status == 201
        assert endings(sender) == {"account": 1}


def test_H5_an_idle_connection_makes_room_for_the_next_of_its_account(acme: RunningAccount) -> None:
    request = f"{POST}Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{{}}"
    with opened(acme, "fast", limits=PlaceLimits(most=4)) as sender, ExitStack() as stack:
        peers = []
        for _ in range(3):
            peers.append(stack.enter_context(connect(sender, HONEST, (request % sender.token).encode())))
            refused = answer(peers[-1])
            assert refused.status == 400
            refused.read()
        assert peers[0].recv(1) == b""
        peers[1].sendall((request % sender.token).encode())
        assert answer(peers[1]).status == 400


def test_H5_where_every_place_works_the_next_is_asked_to_come_again(acme: RunningAccount) -> None:
    accounts = [add_account(acme, id) for id in (2, 3)]
    with opened(acme, "fast", limits=PlaceLimits(most=4)) as sender, ExitStack() as stack:
        peers = [stack.enter_context(busy(sender, token)) for token in accounts for _ in range(2)]
        with connect(sender, HONEST, f"{POST}Authorization: Bearer {sender.token}\r\nContent-Length: 2\r\n\r\n{{}}".encode()) as peer:
            expect_problem(answer(peer), 503, "full")
        assert endings(sender) == {"full": 1}
        peers[0].sendall(b" " * 9000)
        assert answer(peers[0]).status == 400
        assert sender.post(document()).status == 201


def test_H5_a_stranger_gets_one_reply(acme: RunningAccount) -> None:
    """Thousands of requests on one connection, none with a token, and none of their replies read."""
    with opened(acme, "fast") as sender:
        for body in ("Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            with connect(sender, STRANGERS, f"{POST}{body}".encode() * 100) as peer:
                said = b""
                try:
                    while part := peer.recv(4096):
                        said += part
                except ConnectionResetError:  # it was closed before it had read everything
                    pass
                assert said.count(b"HTTP/1.1 401 ") == 1


def test_H5_a_sender_that_reads_no_replies_is_cut_off(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_protocol, "READ_WITHIN", 0.5)
    with opened(acme, "fast") as sender, socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(PATIENCE)
        peer.connect(("127.0.0.1", sender.port))
        lines = b'{"nonsense": 1}\n' * 10_000
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NDJSON}\r\nAuthorization: Bearer {sender.token}\r\n"
        for _ in range(3):
            peer.sendall(f"{head}Content-Length: {len(lines)}\r\n\r\n".encode() + lines)
        until(lambda: endings(sender) == {"unread": 1})
        assert sender.post(document()).status == 201


def test_H5_a_stranger_whose_token_is_being_looked_up_is_told_and_not_recorded(
    acme: RunningAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers whose tokens wait for a slow database: the oldest gets a reply, and what it sent is not recorded once its token turns out valid."""
    asked, go_on = threading.Semaphore(0), threading.Event()

    def slowly(db: Database, token: str) -> ApiGrant | None:
        asked.release()
        assert go_on.wait(2 * PATIENCE)
        return find_grant(db, token)

    monkeypatch.setattr(token_cache, "find_grant", slowly)
    body = json.dumps(document()).encode()
    with opened(acme, "fast", limits=PlaceLimits(most=2)) as sender:
        try:
            request = f"{POST}Authorization: Bearer {sender.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            with connect(sender, STRANGERS, request) as first:
                assert asked.acquire(timeout=PATIENCE)
                with connect(sender, HONEST):
                    expect_problem(answer(first), 503, "full")
        finally:
            go_on.set()
        assert sender.post(document("R2")).status == 201
        assert sender.changes == 1
