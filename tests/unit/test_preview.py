"""Preview Mapping (M7): each row on its own, with holes for what cannot be sent; and how a page shows it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from heliograph.domain.mapping.mapping import EmptyPolicy, FixedText, Mapping, MappingKind, MappingRow, SourceValue, ValueType
from heliograph.domain.mapping.mapping_renderer import Hole, MappingPreview, Rendered, preview, render
from heliograph.domain.setup.fields import Value
from heliograph.mappings.mapping_body import FORM, HEADERS, JSON, QUERY, written

UTC = ZoneInfo("UTC")


class Facts:
    """Facts from a dictionary."""

    def __init__(self, values: dict[str, Value]) -> None:
        self.values = values

    def value(self, source: str) -> Value:
        return self.values.get(source)


FACTS = Facts({"profile.email": "zoë@example.org", "profile.notes": "2 and a baby", "answer.7": ("Venues", "Food & wine")})
ROWS = (
    MappingRow("email", (SourceValue("profile.email"),), required=True),
    MappingRow("guests", (SourceValue("profile.notes"),), type=ValueType.NUMBER),
    MappingRow("phones[0].number", (SourceValue("profile.phone"),), nested=True, required=True),
    MappingRow("topics", (SourceValue("answer.7"),), type=ValueType.LIST),
)


def seen(mapping: Mapping) -> MappingPreview:
    return preview(mapping, FACTS, timezone=UTC)


def text(found: MappingPreview, how: str) -> list[str]:
    return ["".join(token.text for token in line) for line in written(found.rendered, how)]


def test_M7_a_row_that_fails_leaves_a_hole_and_the_others_are_shown() -> None:
    found = seen(Mapping("x", rows=ROWS))
    assert {n: problem.reason for n, problem in found.problems.items()} == {1: "is not a number", 2: "is required and empty"}
    assert found.values[0] == "zoë@example.org"
    assert isinstance(found.values[1], Hole)
    assert text(found, JSON) == [
        "{",
        '  "email": "zoë@example.org",',
        '  "guests": is not a number,',
        '  "phones": [',
        "    {",
        '      "number": is required and empty',
        "    }",
        "  ],",
        '  "topics": [',
        '    "Venues",',
        '    "Food & wine"',
        "  ]",
        "}",
    ]


def test_M7_the_same_as_form_body_and_as_query() -> None:
    found = seen(Mapping("x", rows=(ROWS[0], ROWS[3], MappingRow("a.b", (FixedText("x y"),), nested=True))))
    assert text(found, FORM) == ["email=zo%C3%AB%40example.org", "&topics=Venues", "&topics=Food+%26+wine", "&a%5Bb%5D=x+y"]
    assert text(found, QUERY) == ["?email=zo%C3%AB%40example.org", "&topics=Venues", "&topics=Food%20%26%20wine", "&a%5Bb%5D=x%20y"]


def test_M7_headers_with_a_hole_for_a_line_break() -> None:
    facts = Facts({"profile.notes": "a\nb"})
    rows = (MappingRow("X-Version", (FixedText("2"),)), MappingRow("X-Notes", (SourceValue("profile.notes"),)))
    found = preview(Mapping("x", MappingKind.HEADER, rows=rows), facts, timezone=UTC)
    assert text(found, HEADERS) == ["X-Version: 2", "X-Notes: has a line break, and a header cannot"]
    assert list(found.problems) == [1]


def test_M7_without_a_problem_it_is_what_is_sent() -> None:
    mapping = Mapping("x", empty=EmptyPolicy.LEAVE_OUT, rows=(ROWS[0], ROWS[3], MappingRow("fax", (SourceValue("profile.fax"),))))
    found, sent = seen(mapping), render(mapping, FACTS, timezone=UTC)
    assert isinstance(sent, Rendered)
    assert (found.rendered.tree(), found.rendered.pairs()) == (sent.tree(), sent.pairs())
    assert found.left_out == {2}
    assert not found.problems


def test_M7_an_empty_mapping_is_an_empty_object() -> None:
    assert text(seen(Mapping("x")), JSON) == ["{}"]
    assert text(seen(Mapping("x")), FORM) == []
