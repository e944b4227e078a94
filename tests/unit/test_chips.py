"""Lines of chips as text (domain.mapping.chips): what people can type, and what is refused with a sentence that says where."""

from __future__ import annotations

import pytest

from heliograph.domain.mapping.chips import LineError, read_line, write_line
from heliograph.domain.mapping.mapping import DateFormat, FixedText, RowPart, SourceValue, ValueMap
from heliograph.setup.source_fields import any_key


def read(text: str, *kept: RowPart) -> tuple[RowPart, ...]:
    return read_line(text, key_of=any_key, earlier_parts=kept)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("{registration.status} text", (SourceValue("registration.status"), FixedText(" text"))),
        (
            "{profile.position}  @ {profile.organization}",
            (SourceValue("profile.position"), FixedText("  @ "), SourceValue("profile.organization")),
        ),
        ("{ profile.email }", (SourceValue("profile.email"),)),
        ("a{}b", (FixedText("a"), FixedText("b"))),
        ("{{not a field}}", (FixedText("{not a field}"),)),
        ("{{{profile.email}}}", (FixedText("{"), SourceValue("profile.email"), FixedText("}"))),
        ("first\nsecond", (FixedText("first\nsecond"),)),
        (" ", (FixedText(" "),)),
    ],
)
def test_M1_a_line_is_fields_in_braces_and_typed_text(text: str, parts: tuple[RowPart, ...]) -> None:
    assert read(text) == parts
    assert read(write_line(parts)) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x {profile.email", "the brace at character 3 is not closed"),
        ("x } y", "the brace at character 3 closes nothing"),
        ("{nonsense}", "there is no field “nonsense”"),
        ("{profile.custom.07}", "there is no field “profile.custom.07”"),
    ],
)
def test_M1_a_line_that_is_none_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(LineError, match=said):
        read(text)


def test_M4_what_is_behind_a_chip_stays_when_the_text_is_changed() -> None:
    mapped = SourceValue("profile.country", ValueMap((("Czechia", "CZ"),)))
    dated = SourceValue("registration.created", date_format=DateFormat.DATE)
    assert read("to {registration.created}, {profile.country}", mapped, dated) == (FixedText("to "), dated, FixedText(", "), mapped)
    assert read("{profile.country}{profile.country}", mapped) == (mapped, SourceValue("profile.country")), "the first one keeps it"
    assert read("{profile.city}", mapped) == (SourceValue("profile.city"),)
