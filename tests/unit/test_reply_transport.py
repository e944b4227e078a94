"""The head of an answer goes out with its body (engine/ingest/reply_transport.py)."""

from __future__ import annotations

import asyncio

import pytest

from heliograph.engine.ingest.reply_transport import ReplyTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Connection(asyncio.Transport):
    """Keeps what is written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def transport(connection: Connection) -> ReplyTransport:
    return ReplyTransport(connection)


def test_a_head_goes_out_with_its_body_and_further_parts_at_once(transport: ReplyTransport, connection: Connection) -> None:
    for part in (HEAD, b"{}", HEAD, b"1\r\n{\r\n", b"1\r\n}\r\n", b"0\r\n\r\n"):
        transport.write(part)
    assert connection.written == [HEAD + b"{}", HEAD + b"1\r\n{\r\n", b"1\r\n}\r\n", b"0\r\n\r\n"]


def test_a_sender_that_waits_for_100_gets_it_at_once(transport: ReplyTransport, connection: Connection) -> None:
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert connection.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    transport.write(HEAD)
    transport.write(b"{}")
    assert connection.written[1:] == [HEAD + b"{}"]


def test_a_body_that_begins_like_an_answer_is_a_body(transport: ReplyTransport, connection: Connection) -> None:
    transport.write(HEAD)
    transport.write(HEAD)
    assert connection.written == [HEAD + HEAD]


def test_a_head_without_a_body_goes_out_when_the_answer_ends_or_the_connection(transport: ReplyTransport, connection: Connection) -> None:
    transport.write(HEAD)
    transport.flush()
    transport.flush()
    assert connection.written == [HEAD]
    transport.write(HEAD)
    transport.close()
    assert connection.written == [HEAD, HEAD]
    assert transport.is_closing()


def test_nothing_is_written_to_a_connection_that_has_gone(transport: ReplyTransport, connection: Connection) -> None:
    transport.write(HEAD)
    connection.close()
    transport.close()
    assert connection.written == []
