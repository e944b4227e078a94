"""Reads what a program prints in the Singer format, line by line (S6; https://hub.meltano.com/singer/spec).

    {"type": "SCHEMA", "stream": "people", "key_properties": ["id"], "schema": {…}}
    {"type": "RECORD", "stream": "people", "record": {"id": 7, …}}
    {"type": "STATE", "value": {…}}

A RECORD becomes an entry {"stream", "key", "record"}, which the mapping of the source reads. A STATE says that everything before it was printed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.source.list_page import KEYLESS, LONGEST_KEY, digest_of

LONGEST_LINE: Final = 1 << 20
"""Bytes."""
MOST_RECORDS: Final = 200
"""Of a batch."""
MOST_BYTES: Final = 512 * 1024
"""Of the lines of a batch; one line alone may be longer."""
LONGEST_STATE: Final = 256 * 1024
"""Bytes of the line."""
MOST_STREAMS: Final = 1_000
DELETED_AT: Final = "_sdc_deleted_at"
"""The member that says when a record was deleted at its platform."""
_ADDED: Final = "_sdc_"
"""The beginning of members that kits for such programs add, such as the time of a file: they change while the record stays the same."""
_IGNORED: Final = frozenset({"ACTIVATE_VERSION"})


class SingerError(HeliographError):
    """A line is not what the format allows. The message names its number."""


@dataclass(frozen=True, slots=True)
class SingerRecord:
    """A record as the mapping of a source reads it."""

    key: str
    """Identifies it within the source, at most 200 characters."""
    digest: bytes
    """Of its content, without what kits for such programs add."""
    entry: Mapping[str, Any]
    """As JSON: stream, key, record."""


@dataclass(frozen=True, slots=True)
class SingerBatch:
    """Records that follow each other, and the state that comes after them."""

    records: tuple[SingerRecord, ...]
    state: Mapping[str, Any] | None = None
    """None if none follows at once: the program goes on from the last one, and the records come once more after a kill."""
    lines: int = 0
    """The lines of the program's output up to here."""


@dataclass(slots=True)
class SingerReader:
    """Turns the bytes of an output into batches. `feed` takes any piece of it; `end` its end. Both raise SingerError."""

    _rest: bytes = b""
    _line: int = 0
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the key properties, by stream."""
    _records: list[SingerRecord] = field(default_factory=list)
    _size: int = 0

    def feed(self, piece: bytes) -> Iterator[SingerBatch]:
        """The batches that are complete with this piece."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            yield from self._take(line)
        if len(self._rest) > LONGEST_LINE:
            raise self._error(Sentence("it is longer than %(most)s MB", most=LONGEST_LINE >> 20), number=self._line + 1)

    def end(self) -> Iterator[SingerBatch]:
        """The last batches of the output, whose last line may have no end."""
        rest, self._rest = self._rest, b""
        yield from self._take(rest)
        yield from self.so_far()

    def so_far(self) -> Iterator[SingerBatch]:
        """The records that no batch has yet."""
        yield from self._complete(None)

    def _take(self, line: bytes) -> Iterator[SingerBatch]:
        self._line += 1
        if len(line) > LONGEST_LINE:
            raise self._error(Sentence("it is longer than %(most)s MB", most=LONGEST_LINE >> 20))
        if not line.strip():
            return
        message = self._message(line)
        match message.get("type"):
            case "SCHEMA":
                self._note_schema(message)
            case "RECORD":
                if self._records and (len(self._records) >= MOST_RECORDS or self._size + len(line) > MOST_BYTES):
                    yield from self._complete(None, before=True)
                self._records.append(self._record(message))
                self._size += len(line)
            case "STATE":
                value = message.get("value")
                if not isinstance(value, dict):
                    raise self._error("the value of a STATE is no JSON object")
                if len(line) > LONGEST_STATE:
                    raise self._error(Sentence("its STATE is longer than %(most)s KB", most=LONGEST_STATE >> 10))
                yield from self._complete(value)
            case kind if kind not in _IGNORED:
                raise self._error(Sentence("its type is %(type)s; SCHEMA, RECORD and STATE can be read", type=json.dumps(kind)[:40]))

    def _complete(self, state: Mapping[str, Any] | None, *, before: bool = False) -> Iterator[SingerBatch]:
        if self._records or state is not None:
            yield SingerBatch(tuple(self._records), state, self._line - before)
        self._records, self._size = [], 0

    def _message(self, line: bytes) -> dict[str, Any]:
        try:
            message = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise self._error(
                "it is no JSON. A program of this kind prints nothing else; what it logs belongs to its standard error"
            ) from None
        if not isinstance(message, dict):
            raise self._error("it is no JSON object")
        return message

    def _note_schema(self, message: Mapping[str, Any]) -> None:
        names = message.get("key_properties") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._error("its key_properties are no list of names")
        if len(self._keys) >= MOST_STREAMS:
            raise self._error(Sentence("there are more than %(most)s streams", most=MOST_STREAMS))
        self._keys[self._stream(message)] = tuple(names)

    def _stream(self, message: Mapping[str, Any]) -> str:
        stream = message.get("stream")
        if not isinstance(stream, str) or not stream or len(stream) > LONGEST_KEY:
            raise self._error("it names no stream")
        return stream

    def _record(self, message: Mapping[str, Any]) -> SingerRecord:
        stream, record = self._stream(message), message.get("record")
        if stream not in self._keys:
            raise self._error(Sentence("a RECORD of the stream “%(stream)s” comes before its SCHEMA", stream=stream))
        if not isinstance(record, dict):
            raise self._error("its record is no JSON object")
        content = {name: value for name, value in record.items() if not name.startswith(_ADDED) or name == DELETED_AT}
        digest = digest_of([stream, content])
        names = self._keys[stream]
        values = [record.get(name) for name in names]
        if not names or any(value is None for value in values):
            return SingerRecord(f"{KEYLESS}{digest.hex()}", digest, {"stream": stream, "key": "", "record": record})
        plain = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True) for value in values]
        return SingerRecord(_key(stream, values), digest, {"stream": stream, "key": "-".join(plain), "record": record})

    def _error(self, reason: str, *, number: int = 0) -> SingerError:
        return SingerError(
            "Line %(line)s of what it printed cannot be used: %(reason)s.", line=number or self._line, reason=Sentence(reason)
        )


def _key(stream: str, values: list[Any]) -> str:
    """The key of a record within its source: readable if that is short enough."""
    text = _canonical([stream, *values])
    return text.decode() if len(text) <= LONGEST_KEY and b"\\u0000" not in text else hashlib.sha256(text).hexdigest()


def _canonical(value: object) -> bytes:
    """One JSON for one value: ASCII, so that no character is refused by a database."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
