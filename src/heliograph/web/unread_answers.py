"""Answers that wait for their readers take a bounded share of the disk (O10): waitress stores more than 1 MB of each in a temporary file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from waitress.buffers import ReadOnlyFileBasedBuffer

MOST_UNREAD: Final = 256 * 1024 * 1024
"""Bytes that may wait for one client, besides its oldest connection, whose single answer is bounded by `bounded_channel.LARGEST_ANSWER`."""


def unread_bytes(channel: Any) -> int:
    """Bytes that wait for the reader of a connection, without those that have a file of their own, as an export has."""
    with channel.outbuf_lock:
        return sum(len(buffer) for buffer in channel.outbufs if not isinstance(buffer, ReadOnlyFileBasedBuffer))


def hoarders(channels: Iterable[Any], most: int = MOST_UNREAD) -> list[Any]:
    """The connections to cut off: the newer ones of clients for whom more than `most` bytes wait.

    The client "" stands for many clients, behind a trusted proxy that names none. So each of its connections counts as a client of its own.
    """
    waiting: Counter[Any] = Counter()
    too_many = []
    for channel in sorted(channels, key=lambda channel: channel.creation_time):
        client = channel.client or channel
        unread = unread_bytes(channel)
        if unread and waiting[client] and waiting[client] + unread > most:
            too_many.append(channel)
        else:
            waiting[client] += unread
    return too_many
