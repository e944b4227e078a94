"""HTTP that two parsers could read differently is refused, with the same answer at both doors, and the connection is closed (A10; RFC
9112)."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.builders.running_account import RunningAccount
from tests.doors import JSON, NDJSON, PATH, Sender, acme, document, make_token, opened
from tests.waiting import PATIENCE, until

from heliograph.engine.ingest import look_up_cache, token_cache
from heliograph.engine.supervisor.operations_port import operations_port
from heliograph.options import Options
from heliograph.store.token_check import find_grant, new_token
from heliograph.web.limits import LARGEST_UNASKED

__all__ = ["acme"]

BODY = json.dumps(document("R1")).encode()
SMUGGLED = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n" % PATH.encode()
"""Answered with 401 if it is taken for a separate request."""
LAST = SMUGGLED.replace(b"Content", b"Connection: close\r\nContent")
PIECES = ("length with chunked", "a folded header", "two hosts alike", "a bare line feed", "a chunk with a sign", "a chunk without its end")
LINE = f"POST {PATH} HTTP/1.1\r\n".encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)

HANGS_UP_WITHIN = 8.0
"""In seconds: less than the time allowed for a head that never ends."""

# Replacements for b"@" in a valid head (Host, token, type). b"|" ends the head.
FORMS: dict[str, bytes] = {
    "length with chunked": LINE + b"@" + LENGTH + CHUNKED + b"|" + CHUNKS,
    "chunked with length": LINE + b"@" + CHUNKED + LENGTH + b"|" + CHUNKS,
    "length of zero with chunked": LINE + b"@" + b"Content-Length: 0\r\n" + CHUNKED + b"|" + CHUNKS,
    "two lengths alike": LINE + b"@" + LENGTH + LENGTH + b"|" + BODY,
    "two lengths that differ": LINE + b"@" + b"Content-Length: 0\r\n" + LENGTH + b"|" + BODY,
    "two lengths in one": LINE + b"@" + b"Content-Length: %d, %d\r\n" % (len(BODY), len(BODY)) + b"|" + BODY,
    "a length with a sign": LINE + b"@" + b"Content-Length: +%d\r\n" % len(BODY) + b"|" + BODY,
    "a negative length": LINE + b"@" + b"Content-Length: -1\r\n" + b"|" + BODY,
    "a hexadecimal length": LINE + b"@" + b"Content-Length: 0x%x\r\n" % len(BODY) + b"|" + BODY,
    "a length with an underscore": LINE + b"@" + b"Content-Length: 1_0\r\n" + b"|" + BODY,
    "a length with a space in it": LINE + b"@" + b"Content-Length: 1 0\r\n" + b"|" + BODY,
    "an empty length": LINE + b"@" + b"Content-Length:\r\n" + b"|" + BODY,
    "a length of many digits": LINE + b"@" + b"Content-Length: " + b"9" * 40 + b"\r\n|" + BODY,
    "a space before the colon": LINE + b"@" + b"Content-Length : %d\r\n" % len(BODY) + b"|" + BODY,
    "a space before another colon": LINE + b"@" + LENGTH + b"X-A : b\r\n|" + BODY,
    "a tab before the colon": LINE + b"@" + CHUNKED[:17] + b"\t: chunked\r\n|" + CHUNKS,
    "an unknown coding": LINE + b"@" + b"Transfer-Encoding: xchunked\r\n|" + CHUNKS,
    "chunked and identity": LINE + b"@" + b"Transfer-Encoding: chunked, identity\r\n|" + CHUNKS,
    "identity and chunked": LINE + b"@" + b"Transfer-Encoding: identity, chunked\r\n|" + CHUNKS,
    "gzip and chunked": LINE + b"@" + b"Transfer-Encoding: gzip, chunked\r\n|" + CHUNKS,
    "identity": LINE + b"@" + b"Transfer-Encoding: identity\r\n" + LENGTH + b"|" + BODY,
    "chunked twice": LINE + b"@" + b"Transfer-Encoding: chunked, chunked\r\n|" + CHUNKS,
    "chunked in two headers": LINE + b"@" + CHUNKED + CHUNKED + b"|" + CHUNKS,
    "chunked in quotes": LINE + b"@" + b'Transfer-Encoding: "chunked"\r\n|' + CHUNKS,
    "an empty coding": LINE + b"@" + b"Transfer-Encoding:\r\n" + LENGTH + b"|" + BODY,
    "a coding behind a vertical tab": LINE + b"@" + b"Transfer-Encoding: \x0bchunked\r\n|" + CHUNKS,
    "chunked in HTTP/1.0": LINE.replace(b"1.1", b"1.0") + b"@" + CHUNKED + b"|" + CHUNKS,
    "HTTP/0.9": f"POST {PATH}\r\n".encode() + b"@" + LENGTH + b"|" + BODY,
    "HTTP/1.2": LINE.replace(b"1.1", b"1.2") + b"@" + LENGTH + b"|" + BODY,
    "HTTP/2.0": LINE.replace(b"1.1", b"2.0") + b"@" + LENGTH + b"|" + BODY,
    "http in small letters": LINE.replace(b"HTTP", b"http") + b"@" + LENGTH + b"|" + BODY,
    "a folded header": LINE + b"@" + b"X-A: b\r\n c\r\n" + LENGTH + b"|" + BODY,
    "a folded header by a tab": LINE + b"@" + b"X-A: b\r\n\tc\r\n" + LENGTH + b"|" + BODY,
    "a folded length": LINE + b"@" + b"Content-Length:\r\n %d\r\n" % len(BODY) + b"|" + BODY,
    "a folded coding": LINE + b"@" + b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH + b"|" + BODY,
    "a folded first header": LINE + b" X-A: b\r\n@" + LENGTH + b"|" + BODY,
    "no host": LINE + b"@".join([b"", LENGTH]).replace(b"@", b"!") + b"|" + BODY,
    "no host in HTTP/1.0": LINE.replace(b"1.1", b"1.0") + b"!" + LENGTH + b"|" + BODY,
    "two hosts alike": LINE + b"@Host: localhost\r\n" + LENGTH + b"|" + BODY,
    "two hosts that differ": LINE + b"@Host: evil.example\r\n" + LENGTH + b"|" + BODY,
    "another host before": LINE + b"Host: evil.example\r\n@" + LENGTH + b"|" + BODY,
    "an empty host": LINE + b"Host:\r\n!" + LENGTH + b"|" + BODY,
    "another host": LINE + b"Host: evil.example\r\n!" + LENGTH + b"|" + BODY,
    "two keys": LINE + b"@Idempotency-Key: a\r\nIdempotency-Key: b\r\n" + LENGTH + b"|" + BODY,
    "two keys alike": LINE + b"@Idempotency-Key: a\r\nidempotency-key: a\r\n" + LENGTH + b"|" + BODY,
    "two tokens": LINE + b"@Authorization: Bearer hg_x\r\n" + LENGTH + b"|" + BODY,
    "two types": LINE + b"@Content-Type: application/x-ndjson\r\n" + LENGTH + b"|" + BODY,
    "two encodings": LINE + b"@Content-Encoding: identity\r\nContent-Encoding: gzip\r\n" + LENGTH + b"|" + BODY,
    "an address with its host": LINE.replace(b" /", b" http://evil.example/") + b"@" + LENGTH + b"|" + BODY,
    "no path": LINE.replace(PATH.encode(), b"*") + b"@" + LENGTH + b"|" + BODY,
    "a fragment": LINE.replace(b" HTTP", b"#x HTTP") + b"@" + LENGTH + b"|" + BODY,
    "two spaces in the first line": LINE.replace(b" /", b"  /") + b"@" + LENGTH + b"|" + BODY,
    "a tab in the first line": LINE.replace(b" /", b"\t/") + b"@" + LENGTH + b"|" + BODY,
    "a space at the end of the first line": LINE.replace(b"\r", b" \r") + b"@" + LENGTH + b"|" + BODY,
    "a space before the first line": b" " + LINE + b"@" + LENGTH + b"|" + BODY,
    "a space in the path": LINE.replace(b"/reg", b" /reg") + b"@" + LENGTH + b"|" + BODY,
    "bytes beyond ASCII in the path": LINE.replace(b"/reg", b"/\xc3\xa9") + b"@" + LENGTH + b"|" + BODY,
    "a bare line feed in the first line": LINE.replace(b"\r\n", b"\n") + b"@" + LENGTH + b"|" + BODY,
    "a bare line feed": LINE + b"@" + b"X-A: b\n" + LENGTH + b"|" + BODY,
    "bare line feeds at the end": LINE + b"@" + LENGTH + b"\n\n" + BODY,
    "nothing but bare line feeds": LINE.replace(b"\r", b"") + b"Host: localhost\n" + LENGTH.replace(b"\r", b"") + b"\n" + BODY,
    "a bare carriage return": LINE + b"@" + b"X-A: b\rContent-Length: 0\r\n" + LENGTH + b"|" + BODY,
    "two carriage returns": LINE + b"@" + b"X-A: b\r\r\n" + LENGTH + b"|" + BODY,
    "NUL in a value": LINE + b"@" + b"X-A: b\0c\r\n" + LENGTH + b"|" + BODY,
    "NUL in a name": LINE + b"@" + b"X\0A: b\r\n" + LENGTH + b"|" + BODY,
    "NUL before the coding": LINE + b"@" + b"\0Transfer-Encoding: chunked\r\n" + LENGTH + b"|" + BODY,
    "a control character in a value": LINE + b"@" + b"X-A: b\x01c\r\n" + LENGTH + b"|" + BODY,
    "DEL in a value": LINE + b"@" + b"X-A: b\x7fc\r\n" + LENGTH + b"|" + BODY,
    "a header without a name": LINE + b"@" + b": b\r\n" + LENGTH + b"|" + BODY,
    "a header without a colon": LINE + b"@" + b"X-A\r\n" + LENGTH + b"|" + BODY,
    "a name beyond ASCII": LINE + b"@" + b"X-\xe9: b\r\n" + LENGTH + b"|" + BODY,
    "an unknown method": LINE.replace(b"POST", b"FOO") + b"@" + LENGTH + b"|" + BODY,
    "a method in small letters": LINE.replace(b"POST", b"post") + b"@" + LENGTH + b"|" + BODY,
    "CONNECT": LINE.replace(b"POST", b"CONNECT") + b"@" + LENGTH + b"|" + BODY,
    "TRACE": LINE.replace(b"POST", b"TRACE") + b"@" + LENGTH + b"|" + BODY,
    "too many headers": LINE + b"@" + b"X-A: b\r\n" * 120 + LENGTH + b"|" + BODY,
    "a head that is too large": LINE + b"@" + b"X-A: " + b"b" * 40_000 + b"\r\n" + LENGTH + b"|" + BODY,
    "a chunk with an extension": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"\r\n{", b";x=y\r\n{"),
    "a chunk with an extension without a name": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"\r\n{", b";\r\n{"),
    "a chunk with a sign": LINE + b"@" + CHUNKED + b"|+" + CHUNKS,
    "a chunk of a negative size": LINE + b"@" + CHUNKED + b"|-" + CHUNKS,
    "a chunk with 0x": LINE + b"@" + CHUNKED + b"|0x" + CHUNKS,
    "a chunk with a space": LINE + b"@" + CHUNKED + b"| " + CHUNKS,
    "a chunk with a space behind its size": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"\r\n{", b" \r\n{"),
    "a chunk with an underscore": LINE + b"@" + CHUNKED + b"|0_" + CHUNKS,
    "a chunk with too large a size": LINE + b"@" + CHUNKED + b"|" + b"f" * 20 + b"\r\n" + CHUNKS,
    "a chunk whose size wraps to its own": LINE + b"@" + CHUNKED + b"|1" + b"%016x" % len(BODY) + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "a chunk with leading zeros": LINE + b"@" + CHUNKED + b"|" + b"0" * 40 + CHUNKS,
    "a chunk without a size": LINE + b"@" + CHUNKED + b"|\r\n" + CHUNKS,
    "a chunk with a bare line feed": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"\r\n{", b"\n{"),
    "a chunk without its end": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"}\r\n", b"}"),
    "a chunk with more than its size": LINE + b"@" + CHUNKED + b"|" + CHUNKS.replace(b"}\r\n", b"}x\r\n"),
    "a trailer": LINE + b"@" + CHUNKED + b"|" + CHUNKS[:-2] + b"X-A: b\r\n\r\n",
    "a trailer that frames": LINE + b"@" + CHUNKED + b"|" + CHUNKS[:-2] + b"Content-Length: 5\r\n\r\n",
    "no end of the trailers": LINE + b"@" + CHUNKED + b"|" + CHUNKS[:-2] + b"\n",
}  # fmt: skip

FINE: dict[str, bytes] = {
    "a length": LINE + b"@" + LENGTH + b"|" + BODY,
    "chunked": LINE + b"@" + CHUNKED + b"|" + CHUNKS,
    "chunked in capitals": LINE + b"@" + b"TRANSFER-ENCODING: Chunked\r\n|" + CHUNKS,
    "chunks of a byte": LINE + b"@" + CHUNKED + b"|" + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
    "an empty line before": b"\r\n" + LINE + b"@" + LENGTH + b"|" + BODY,
    "tabs and spaces around a value": LINE + b"@" + b"X-A: \t b \t\r\nX-B:c\r\n" + LENGTH + b"|" + BODY,
    "other bytes in a value": LINE + b"@" + b"X-A: caf\xc3\xa9\r\n" + LENGTH + b"|" + BODY,
    "an upgrade that nobody wants": LINE
    + b"@" + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n" + LENGTH + b"|" + BODY,
}  # fmt: skip


@pytest.fixture
def doors(acme: RunningAccount) -> Iterator[dict[str, Sender]]:
    """Both, on one database."""
    with opened(acme, "fast") as fast, opened(acme, "pages") as pages:
        yield {"fast": fast, "pages": pages}


def spelled(form: bytes, sender: Sender) -> bytes:
    free = f"Authorization: Bearer {sender.token}\r\nContent-Type: {JSON}\r\n".encode()
    head, _, rest = form.partition(b"|")
    head = head.replace(b"@", b"Host: localhost:%d\r\n" % sender.port + free).replace(b"!", free)
    return head + (b"\r\n" if b"|" in form else b"") + rest


def said(sender: Sender, *parts: bytes) -> bytes:
    """Everything returned until the door closes; if it does not, fails after HANGS_UP_WITHIN."""
    answer = b""
    with socket.create_connection(("127.0.0.1", sender.port), timeout=HANGS_UP_WITHIN) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it closed with bytes of ours unread
            for part in parts:
                peer.sendall(part)
        with contextlib.suppress(ConnectionResetError):
            while more := peer.recv(65_536):
                answer += more
    return answer


def read(answer: bytes) -> tuple[int, str, bytes]:
    """Status, type and body of the only answer, which says that it is the last."""
    heads = re.findall(rb"HTTP/1\.1 (\d+) ", answer)
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    found = {name: value.strip() for name, _colon, value in lines}
    assert len(heads) == 1, answer
    assert found[b"connection"] == b"close", answer
    assert int(found[b"content-length"]) == len(body), answer
    return int(heads[0]), found[b"content-type"].decode(), body


def test_H1_A10_what_can_be_read_in_two_ways_is_refused_at_both_doors_alike(doors: dict[str, Sender]) -> None:
    """And what follows is neither answered nor recorded."""
    wrong = []
    for name, form in FORMS.items():
        answers = {}
        for kind, sender in doors.items():
            try:
                answers[kind] = read(said(sender, spelled(form, sender) + SMUGGLED))
            except (AssertionError, KeyError, OSError) as error:
                answers[kind] = (0, "", str(error)[:200].encode())
        statuses = {answer[0] for answer in answers.values()}
        if not statuses <= {400, 431, 501} or answers["fast"] != answers["pages"] or answers["fast"][1] != "application/problem+json":
            wrong.append((name, answers))
    assert not wrong, "\n".join(map(str, wrong))
    assert doors["fast"].changes == 0


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_H1_A10_the_same_in_pieces(doors: dict[str, Sender], kind: str) -> None:
    """One byte at a time, so that no reading depends on how the bytes arrive."""
    sender = doors[kind]
    for name in PIECES:
        assert read(said(sender, *bytewise(spelled(FORMS[name], sender))))[0] == 400, name


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_H1_A10_what_has_one_reading_is_taken(doors: dict[str, Sender], kind: str) -> None:
    """In one piece and one byte at a time, and the following request is a separate one."""
    sender = doors[kind]
    for name, form in FINE.items():
        sent = spelled(form, sender)
        for parts in ([sent + LAST], bytewise(sent + LAST)):
            answer = said(sender, *parts)
            assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) in ([b"201", b"401"], [b"200", b"401"]), (name, len(parts), answer)


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_H1_A10_what_was_asked_before_is_answered_before(doors: dict[str, Sender], kind: str) -> None:
    """Three requests at once, of which the third is refused: the answers keep their order, so that none is taken for another's."""
    sender = doors[kind]
    fine, wrong = spelled(FINE["a length"], sender), spelled(FORMS["length with chunked"], sender)
    answer = said(sender, fine + fine + wrong)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"201", b"200", b"400"]
    answer = said(sender, fine + fine + spelled(FORMS["a chunk without its end"], sender))
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"200", b"400"]


SPELLINGS = (
    "localhost", "LocalHost", "localhost:{}", "127.0.0.1", "127.0.0.1:{}", "[::1]", "[::1]:{}",
    "signal.example.org", "Signal.Example.ORG", "signal.example.org:443", "signal.example.org:{}", "door.example.org", "door.example.org:9443",
)  # fmt: skip
NOT_OURS = (
    "", " ", "localhost:", "localhost:1", "localhost:0{}", "localhost:{}0", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.2", "127.1", "0.0.0.0",
    "2130706433", "0x7f.1", "[::1", "::1", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "localhost.", "localhost.localdomain",
    "signal.example.org.", "signal.example.org:80", "signal.example.org:9443", "signal.example.org:443:443", "signal.example.org@evil.example",
    "evil.example@signal.example.org", "evil.example", "signal.example.org.evil.example", "xsignal.example.org", "signal_example_org",
    "door.example.org:9444", "signal.example.org, evil.example", "signal.example.org evil.example", "signal.example.org/", "http://signal.example.org",
    "signal.example.org#", "signal.example.org?x", "signal%2eexample.org", "*", ".example.org", "s\xefgnal.example.org", "localhost:+{}", "localhost: {}",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["fast", "pages", "operations"])
def test_H2_A3_a_host_is_spelled_as_ours_is_or_refused(acme: RunningAccount, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Its port is the base URL's, the door's, one allowed together with the name, or none."""
    monkeypatch.setenv("HELIOGRAPH_BASE_URL", "https://signal.example.org")
    monkeypatch.setenv("HELIOGRAPH_ALLOWED_HOSTS", "Door.example.org:9443")
    hosts = Options.load().hosts
    opening = operations_port("127.0.0.1", 0, lambda: {"pages": "running"}, hosts) if kind == "operations" else opened(acme, kind, hosts)
    with opening as found:
        port = found if isinstance(found, int) else found.port
        for spelling, ours in ((each, each in SPELLINGS) for each in (*SPELLINGS, *NOT_OURS)):
            host = spelling.format(port).encode("latin-1")
            answer = asked(port, b"GET /health/live HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
            status = int(answer.split(b" ", 2)[1])
            assert (status == 400) is not ours, (host, answer)
            if not ours:
                assert b"problem:host" in answer or b"problem:http" in answer
        for twice in (b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host: localhost\r\nhost: evil.example\r\n"):
            assert b" 400 " in asked(port, b"GET /health/live HTTP/1.1\r\n" + twice + b"Connection: close\r\n\r\n")


def asked(port: int, request: bytes) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=HANGS_UP_WITHIN) as peer:
        peer.sendall(request)
        while more := peer.recv(65_536):
            answer += more
    return answer


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_H3_A3_guesses_of_tokens_wait_in_one_line_whatever_host_they_name(
    acme: RunningAccount, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    go_on = threading.Event()

    def slowly(*asked: Any) -> Any:
        assert go_on.wait(2 * PATIENCE)
        return find_grant(*asked)

    monkeypatch.setattr(token_cache, "find_grant", slowly)
    monkeypatch.setattr(look_up_cache, "MOST_LOOK_UPS", 2)
    spelled = ("localhost", "LOCALHOST", "127.0.0.1", "[::1]", "localhost:{}")
    with opened(acme, kind) as sender, ThreadPoolExecutor(2) as pool:

        def guess(host: str) -> int:
            return sender.post(document(), Host=host.format(sender.port), Authorization=f"Bearer {new_token()}").status

        waiting = [pool.submit(guess, host) for host in spelled[:2]]
        try:
            until(lambda: len(sender.reception.tokens._look_ups) == 2)
            assert [guess(host) for host in spelled] == [429] * len(spelled)
        finally:
            go_on.set()
        assert [each.result(30) for each in waiting] == [401, 401]


@pytest.mark.parametrize("kind", ["fast", "pages"])
@pytest.mark.parametrize(
    ("token", "path", "type", "status"),
    [
        ("", PATH, NDJSON, 401),
        ("nonsense", PATH, NDJSON, 401),
        ("hg_de067537959a_Q4q7bKx9FcvnwMDacILUcA4pcGiZIdrqNguhg8YdRko", PATH, NDJSON, 401),
        ("reader", PATH, NDJSON, 403),
        ("good", PATH, "text/plain", 415),
        ("good", "/ingest/other", NDJSON, 404),
        ("", "/ingest/other", NDJSON, 404),
    ],
)
@pytest.mark.parametrize("framed", ["Content-Length: 30000000", "Content-Length: 99000000", "Transfer-Encoding: chunked"])
def test_H1_A10_a_large_body_is_not_read_before_its_token_is_looked_at(
    acme: RunningAccount, kind: str, token: str, path: str, type: str, status: int, framed: str
) -> None:
    """Nothing of the body is sent, and no `100 Continue` asks for it."""
    with opened(acme, kind) as sender:
        known = {"good": sender.token, "reader": make_token(acme.db, "read")}.get(token, token)
        said_of_it = f"Authorization: Bearer {known}\r\n" if known else ""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{said_of_it}Content-Type: {type}\r\n{framed}\r\nExpect: 100-continue\r\n\r\n"
        with socket.create_connection(("127.0.0.1", sender.port), timeout=HANGS_UP_WITHIN) as peer:
            peer.sendall(head.encode())
            answer = peer.recv(65_536)
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
        assert b"application/problem+json" in answer


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_H1_A10_a_large_body_of_somebody_who_is_known_is_read(acme: RunningAccount, kind: str) -> None:
    """In one piece, chunked, and after `100 Continue`; the token is looked up while it waits."""
    with opened(acme, kind) as sender:
        body = b"\n".join(json.dumps(document(f"R{n}", profile={"notes": "x" * 900})).encode() for n in range(300))
        assert len(body) > 4 * LARGEST_UNASKED
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {sender.token}\r\nContent-Type: {NDJSON}\r\nConnection: close\r\n"
        length = f"Content-Length: {len(body)}\r\n"
        assert said(sender, (head + length + "\r\n").encode() + body).count(b'"outcome":"created"') == 300
        pieces = [body[n : n + 7_777] for n in range(0, len(body), 7_777)]
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        assert said(sender, (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks).count(b'"outcome":"unchanged"') == 300
    with opened(acme, kind) as sender:  # it does not know any token yet
        head = head.replace("Bearer hg", "Bearer hg").replace(head.split("Bearer ")[1].split("\r", maxsplit=1)[0], sender.token)
        with socket.create_connection(("127.0.0.1", sender.port), timeout=HANGS_UP_WITHIN) as peer:
            peer.sendall((head + length + "Expect: 100-continue\r\n\r\n").encode())
            assert peer.recv(4_096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            peer.sendall(body)
            answer = b""
            while more := peer.recv(65_536):
                answer += more
        assert answer.count(b'"outcome":"unchanged"') == 300


def bytewise(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]
