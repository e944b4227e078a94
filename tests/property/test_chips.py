"""Whatever chips a row has, they survive being written as text and read again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.mapping.chips import LineError, read_line, write_line
from heliograph.domain.mapping.mapping import DateFormat, Escape, FixedText, Otherwise, RowPart, SourceValue, ValueMap
from heliograph.setup.source_fields import any_key

keys = st.sampled_from(
    ["profile.email", "registration.status", "answer.12", "profile.custom.7", "property.-1", "previous.profile.city", "macro.change_id"]
)
texts = st.text(
    st.one_of(st.sampled_from("{} .\n·"), st.characters(exclude_categories=("Cs",), exclude_characters="\0")), min_size=1, max_size=20
)
maps = st.builds(ValueMap, st.lists(st.tuples(texts, texts), max_size=3).map(tuple), st.sampled_from(Otherwise))
sources = st.builds(
    SourceValue,
    keys,
    st.none() | maps,
    st.none() | st.sampled_from(DateFormat),
    st.text(max_size=5),
    st.none() | st.sampled_from(Escape),
)
lines = st.lists(st.one_of(sources, st.builds(FixedText, texts)), max_size=12).map(tuple)


@given(lines)
def test_M1_chips_survive_being_text(parts: tuple[RowPart, ...]) -> None:
    text = write_line(parts)
    assert read_line(text, key_of=any_key, earlier_parts=parts) == parts
    assert write_line(read_line(text, key_of=any_key)) == text


@given(st.text(st.sampled_from("{}ab .")))
def test_M1_any_text_is_read_or_refused_and_what_is_read_is_stable(text: str) -> None:
    try:
        parts = read_line(text, key_of=lambda name: name)
    except LineError:
        return
    written = write_line(parts)
    assert read_line(written, key_of=lambda name: name) == parts
    assert write_line(read_line(written, key_of=lambda name: name)) == written
