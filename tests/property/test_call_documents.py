"""Whatever a sender sends and a mapping asks for, the result is documents and problems, never an exception (S2)."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders.call_mapping import ORDER, call_row, order_mapping

from heliograph.domain.mapping.row import FixedText, MappingError, Otherwise, SourceValue, ValueMap
from heliograph.domain.mapping.transform import Case
from heliograph.domain.source.call_documents import MAX_REGISTRATIONS, documents_of, seen_values
from heliograph.domain.source.call_mapping import PLAIN_TARGETS, CallMapping, CallRow, Clock, Piece, WhenEmpty
from heliograph.domain.source.json_fields import MAX_LINES, format_field, lines_of, list_paths, parse_field, value_at

NAMES = st.sampled_from(["id", "a", "b", "tickets", "", "with.dot", 'quote"', "[0]", "é"])
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["\ud800", "\0", " ", "a, b,,c", "2026-10-14T12:11:38Z", "9" * 30_000]),
)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20)
paths = st.lists(st.one_of(NAMES, st.integers(0, 99)), min_size=1, max_size=5).map(tuple).map(format_field)
targets = st.one_of(
    st.sampled_from(PLAIN_TARGETS),
    st.sampled_from(["profile.first_name", "profile.custom.x", "answers.diet", "properties.Test", "sessions.A"]),
)
value_maps = st.builds(
    ValueMap,
    st.lists(st.tuples(st.sampled_from(["a", "Yes", "1"]), st.text(max_size=3)), max_size=3).map(tuple),
    st.sampled_from(Otherwise),
)
parts = st.one_of(
    st.builds(SourceValue, paths, st.none() | value_maps, if_empty=st.sampled_from(["", "-"])),
    st.builds(FixedText, st.text(max_size=3)),
)
rows = st.builds(
    lambda target, row_parts, piece, when_empty, clock, case: call_row(
        target, *row_parts, piece=piece, when_empty=when_empty, clock=clock, trim=case is not None, case=case
    ),
    targets,
    st.lists(parts, max_size=3),
    st.none() | st.sampled_from(Piece),
    st.sampled_from(WhenEmpty),
    st.sampled_from(Clock),
    st.none() | st.sampled_from(Case),
)


@st.composite
def mappings(draw: st.DrawFn) -> CallMapping:
    drawn = draw(st.lists(rows, max_size=8, unique_by=lambda row: row.target))
    only = draw(st.sampled_from(["", "a", "tickets.id"]))
    each = draw(st.one_of(st.sampled_from(["", "[]", "tickets", "a.tickets"]), paths))
    return CallMapping(each, only, ("a", "Yes", "1") if only else (), tuple(drawn))


@given(mappings(), values)
@example(CallMapping("tickets", rows=(call_row("code", "tickets.id"),)), {"tickets": [{"id": 1}] * (MAX_REGISTRATIONS + 1)})
def test_S2_any_call_becomes_documents_and_problems(mapping: CallMapping, value: object) -> None:
    mapped = documents_of(mapping, value)
    assert len(mapped.registrations) <= MAX_REGISTRATIONS
    assert [each.number for each in mapped.registrations] == list(range(1, len(mapped.registrations) + 1))
    assert len(mapped.documents) == sum(not each.problems for each in mapped.registrations)
    for document in mapped.documents:
        json.dumps(document)
        assert document["event"]
        assert document["code"]
    for problem in mapped.problems:
        assert problem.reason
        assert problem.cure
        assert problem.number or not problem.target
        problem.value.encode()
    assert documents_of(mapping, value).documents == mapped.documents


@given(mappings())
def test_S2_a_mapping_is_read_back_as_it_was_written(mapping: CallMapping) -> None:
    with suppress(MappingError):  # of a typed text that no database takes
        assert CallMapping.from_body(json.loads(json.dumps(mapping.to_body()))) == mapping


@given(values)
def test_S2_any_body_is_a_mapping_or_is_refused_with_a_reason(value: object) -> None:
    for body in (
        value,
        {"rows": value},
        {"rows": [value]},
        {"only_if": value, "each": value},
        {"rows": [{"target": "code", "parts": value}]},
    ):
        with suppress(MappingError):
            assert CallMapping.from_body(body).to_body()


@given(values)
def test_S2_each_line_of_a_sample_leads_to_a_field(value: object) -> None:
    lines = lines_of(value)
    assert len(lines) <= MAX_LINES + 1
    for line in lines:
        f"{line.name}{line.text}{line.path}".encode()
        if line.path:
            assert format_field(parse_field(line.path)) == line.path
            value_at(value, parse_field(line.path))
    for path in list_paths(value):
        assert documents_of(CallMapping(path, rows=(call_row("code", "x"), call_row("event", "y"))), value).registrations


@given(values)
def test_S2_the_values_of_any_calls_are_counted(value: object) -> None:
    row = call_row("status", "tickets.id", piece=Piece.COMMAS)
    assert all(count <= 2 for count in seen_values(CallMapping("tickets", rows=(row,)), row, "tickets.id", [value, value]).values())


@given(st.permutations(order_mapping().rows))
def test_S2_the_order_of_rows_changes_nothing(shuffled: list[CallRow]) -> None:
    mapping = CallMapping("order.tickets", rows=tuple(shuffled))
    assert documents_of(mapping, ORDER).documents == documents_of(order_mapping(), ORDER).documents
