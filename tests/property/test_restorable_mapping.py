"""Whatever a past version of a mapping names: what is restored names only what is there, and says what it lost (F10, P12, M5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.mapping import FixedText, Mapping, MappingRow, RowPart, SourceValue
from heliograph.domain.mapping.mapping_restoration import is_there, restorable
from heliograph.domain.setup.compiled_setup import Field
from heliograph.domain.setup.fields import parse_source
from heliograph.domain.setup.tag_kinds import Tag, TagKind

CONFIG = AccountConfig(
    1,
    1,
    "ACME",
    "Acme",
    "UTC",
    tags={
        1: Tag(1, "Diet", "Diet", frozenset({TagKind.QUESTION})),
        2: Tag(2, "Press", "Press", frozenset({TagKind.REGISTRATION_PROPERTY})),
    },
    profile_fields={3: Field(3, "shirt", "Shirt", "text")},
    event_fields={4: Field(4, "hall", "Hall", "text")},
)
THERE = ("profile.email", "answer.1", "question.1", "previous.answer.1", "property.2", "property.-1", "profile.custom.3", "event.custom.4")
GONE = ("answer.2", "question.9", "previous.answer.9", "property.1", "profile.custom.4", "previous.profile.custom.9", "event.custom.3")

chips: st.SearchStrategy[RowPart] = st.one_of(
    st.sampled_from(THERE + GONE).map(SourceValue), st.sampled_from(["Hello ", "x"]).map(FixedText)
)
versions = st.lists(st.tuples(st.lists(chips, max_size=4).map(tuple), st.booleans()), max_size=5).map(
    lambda rows: Mapping("Lead", rows=tuple(MappingRow(f"t{n}", parts, required=required) for n, (parts, required) in enumerate(rows)))
)


def test_P12_each_field_is_there_or_gone() -> None:
    assert all(is_there(parse_source(key), CONFIG) for key in THERE)
    assert not any(is_there(parse_source(key), CONFIG) for key in GONE)


@given(versions)
def test_F10_a_restored_mapping_names_only_what_is_there_and_keeps_its_rows(then: Mapping) -> None:
    found = restorable(then, CONFIG)
    assert found.mapping.sources == then.sources & set(THERE)
    assert {each.key for each in found.gone} == then.sources & set(GONE)
    assert [(row.target, row.type, row.required) for row in found.mapping.rows] == [
        (row.target, row.type, row.required) for row in then.rows
    ]
    lost = {each.row for each in found.gone}
    assert all(now == row for n, (now, row) in enumerate(zip(found.mapping.rows, then.rows, strict=True)) if n not in lost)
    assert restorable(found.mapping, CONFIG).gone == ()


@given(versions)
def test_F10_M5_a_row_that_loses_its_last_field_is_empty_and_never_sends_half_a_value(then: Mapping) -> None:
    found = restorable(then, CONFIG)
    for each in found.gone:
        row = found.mapping.rows[each.row]
        assert each.alone == (row.parts == ()) == (not any(row.sources))
        assert (each.target in found.stops) == (each.alone and row.required)
