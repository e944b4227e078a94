"""The process that reads a file for `reader_process`: one request comes in by a pipe, one answer goes out (A7)."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heliograph.domain.sentence_template import Sentence
from heliograph.registrations.imports import file_reader, workbook
from heliograph.registrations.imports.columns import SAMPLE
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.reader_process import MOST_MEMORY, MOST_SAMPLE, MOST_SECONDS, stand_apart


def serve() -> None:
    """Reads one request, answers it, and ends; it also ends when nobody waits for it any more."""
    stand_apart()
    wish = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(10)
    for limit, most in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CPU, MOST_SECONDS), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    answer = {}
    if wish["do"] == "open":
        with contextlib.suppress(*workbook.UNREADABLE, ImportFileError):
            workbook.opened(Path(wish["path"]), wish["sheet"])
    else:
        answer = _read_beginning(wish)
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def _read_beginning(wish: Mapping[str, str]) -> dict[str, Any]:
    try:
        form, rows = file_reader.look_and_open(
            Path(wish["path"]), encoding=wish["encoding"], separator=wish["separator"], sheet=wish["sheet"]
        )
        sample: list[Sequence[str]] = []
        size = 0
        for row in rows:
            size += sum(map(len, row.cells))
            if size > MOST_SAMPLE:
                break
            if row.problem is None:
                sample.append(list(row.cells))
            if len(sample) >= SAMPLE:
                break
    except ImportFileError as error:
        return {"refused": Sentence(error.sentence).to_body()}
    return {"form": form.as_json(), "names": list(rows.names), "sample": sample}


if __name__ == "__main__":
    serve()
