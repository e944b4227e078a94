"""What a program prints, in any pieces and with any mistake, against the messages that it meant (S6)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.source.list_page import LONGEST_KEY
from heliograph.domain.source.singer import (
    LONGEST_LINE,
    MOST_BYTES,
    MOST_RECORDS,
    SingerBatch,
    SingerError,
    SingerReader,
)

SCHEMA = {"type": "SCHEMA", "stream": "people", "key_properties": ["id"], "schema": {}}
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
RECORDS = st.builds(lambda id, more: {"type": "RECORD", "stream": "people", "record": {"id": id, "more": more}}, st.integers(0, 5), VALUES)
STATES = st.builds(lambda value: {"type": "STATE", "value": {"upto": value}}, st.integers(0, 99))
OTHERS = st.sampled_from([SCHEMA, {"type": "ACTIVATE_VERSION", "stream": "people", "version": 1}, ""])
OUTPUTS = st.lists(RECORDS | STATES | OTHERS, max_size=30)


def lines(messages: Sequence[Any]) -> bytes:
    return b"".join((b"" if message == "" else json.dumps(message).encode()) + b"\n" for message in [SCHEMA, *messages])


def read(output: bytes, cuts: Sequence[int] = ()) -> list[SingerBatch]:
    reader = SingerReader()
    places = [0, *sorted(cut % (len(output) + 1) for cut in cuts), len(output)]
    batches = [batch for start, end in itertools.pairwise(places) for batch in reader.feed(output[start:end])]
    return [*batches, *reader.end()]


@given(OUTPUTS, st.lists(st.integers(0, 5_000), max_size=8), st.booleans())
def test_S6_each_record_stands_before_the_state_that_followed_it(messages: list[Any], cuts: list[int], has_end: bool) -> None:
    output = lines(messages)
    batches = read(output if has_end else output.rstrip(b"\n"), cuts)
    told: list[object] = []
    for batch in batches:
        told += [record.entry["record"] for record in batch.records]
        told += [] if batch.state is None else [("state", batch.state)]
    meant = [
        message["record"] if message["type"] == "RECORD" else ("state", message["value"])
        for message in messages
        if message and message["type"] in ("RECORD", "STATE")
    ]
    assert told == meant


@given(st.lists(RECORDS, max_size=20))
def test_S6_a_key_and_a_content_tell_records_apart(messages: list[Any]) -> None:
    records = [record for batch in read(lines(messages)) for record in batch.records]
    for one, first in zip(records, messages, strict=True):
        for other, second in zip(records, messages, strict=True):
            assert (one.key == other.key) == (first["record"]["id"] == second["record"]["id"])
            assert (one.digest == other.digest) == (json.dumps(first) == json.dumps(second))
        assert one.entry["key"] == str(first["record"]["id"])
        assert 0 < len(one.key) <= LONGEST_KEY


@given(
    st.binary(max_size=400)
    | st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(lambda v: json.dumps(v).encode())
)
def test_S6_any_other_output_ends_with_the_number_of_its_line(output: bytes) -> None:
    try:
        read(lines([]) + output)
    except SingerError as error:
        assert str(error).startswith("Line ")  # noqa: PT017


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"INFO signing in", "Line 3 of what it printed cannot be used: it is no JSON"),
        (b"[1]", "it is no JSON object"),
        (b'{"type": "RECORD", "stream": "orders", "record": {}}', "comes before its SCHEMA"),
        (b'{"type": "RECORD", "stream": "people", "record": [1]}', "its record is no JSON object"),
        (b'{"type": "RECORD", "record": {}}', "it names no stream"),
        (b'{"type": "STATE", "value": 7}', "the value of a STATE is no JSON object"),
        (b'{"type": "STATE", "value": {"a": "' + b"x" * 300_000 + b'"}}', "its STATE is longer than 256 KB"),
        (b'{"type": "BATCH"}', "SCHEMA, RECORD and STATE can be read"),
        (b'{"type": "SCHEMA", "stream": "x", "key_properties": "id"}', "its key_properties are no list of names"),
        (b'{"type": "RECORD", "stream": "people", "record": {"id": NaN}}', "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"x" * (LONGEST_LINE + 1), "it is longer than 1 MB"),
        (b"[" * 100_000, "it is no JSON"),
    ],
)
def test_S6_a_line_that_cannot_be_used_says_why(line: bytes, why: str) -> None:
    before = {"type": "RECORD", "stream": "people", "record": {"id": 1}}
    with pytest.raises(SingerError, match=why):
        read(lines([before]) + line + b"\n")


def test_S6_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = SingerReader()
    for _piece in range(LONGEST_LINE // 1_000):
        assert list(reader.feed(b"x" * 1_000)) == []
    with pytest.raises(SingerError, match="longer than 1 MB"):
        list(reader.feed(b"x" * 2_000))


def test_S6_batches_are_bounded_and_the_state_follows_all_of_them() -> None:
    record = {"type": "RECORD", "stream": "people", "record": {"id": 1, "text": "x" * 20_000}}
    batches = read(lines([record] * 500 + [{"type": "STATE", "value": {"upto": 500}}]))
    assert sum(len(batch.records) for batch in batches) == 500
    assert all(len(batch.records) <= min(MOST_RECORDS, MOST_BYTES // 20_000) for batch in batches)
    assert [batch.state for batch in batches] == [None] * (len(batches) - 1) + [{"upto": 500}]


@given(
    st.one_of(
        st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.integers()), st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_S6_any_value_can_be_a_key(value: object) -> None:
    (batch,) = read(lines([{"type": "RECORD", "stream": "people", "record": {"id": value}}]))
    (record,) = batch.records
    assert 0 < len(record.key) <= LONGEST_KEY
    assert record.key.isascii()
    assert "\0" not in record.key


def test_S6_a_record_without_its_key_is_known_by_its_content() -> None:
    row = {"type": "RECORD", "stream": "people", "record": {"name": "Ada"}}
    one, other = (record for batch in read(lines([row, row])) for record in batch.records)
    assert one.key == other.key
    assert one.entry["key"] == ""


def test_S6_what_a_kit_adds_changes_no_record_but_a_deletion_does() -> None:
    def digest(**added: str) -> bytes:
        (batch,) = read(lines([{"type": "RECORD", "stream": "people", "record": {"id": 1, **added}}]))
        return batch.records[0].digest

    assert digest(_sdc_last_modified="2026-11-29T10:00:00Z") == digest(_sdc_last_modified="2026-11-30T10:00:00Z") == digest()
    assert digest(_sdc_deleted_at="2026-11-30T10:00:00Z") != digest()
