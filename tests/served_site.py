"""`heliograph serve` with its operations port, and the status of what it answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import Process, Starter, free_port
from tests.waiting import PATIENCE


@contextmanager
def serving(heliograph: Starter, **env: str) -> Iterator[tuple[Process, int]]:
    """`heliograph serve`, which may send to this machine, and its operations port."""
    operations = free_port()
    variables = {
        "HELIOGRAPH_BIND": f"127.0.0.1:{free_port()}",
        "HELIOGRAPH_OPERATIONS_BIND": f"127.0.0.1:{operations}",
        "HELIOGRAPH_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    process = heliograph("serve", **variables | env)
    process.until_printed("Heliograph serves")
    try:
        yield process, operations
    except BaseException as error:
        error.add_note(process.output)
        raise
    assert process.terminate() == 0


def status_of(url: str, body: bytes | None = None, **headers: str) -> int:
    """The status of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
