"""The result of a mapping for the facts of a change (guide: Mappings, Transformations; M4-M9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from heliograph.domain.mapping.mapping import (
    Case,
    DateFormat,
    EmptyPolicy,
    Escape,
    FixedText,
    Mapping,
    MappingError,
    MappingKind,
    MappingRow,
    Otherwise,
    RowPart,
    SourceValue,
    ValueMap,
    ValueType,
)
from heliograph.domain.mapping.mapping_renderer import InvalidValues, Rendered, render
from heliograph.domain.mapping.paths import Json
from heliograph.domain.mapping.transform import ESCAPES, proper_case, trim
from heliograph.domain.setup.fields import Value

VIENNA = ZoneInfo("Europe/Vienna")
CREATED = datetime(2026, 10, 14, 7, 20, 11, 999_999, tzinfo=UTC)


class Facts:
    """Facts from a dictionary; short keys stand for profile fields."""

    def __init__(self, **values: Value) -> None:
        self.values = {key if "." in key else f"profile.{key}": value for key, value in values.items()}

    def value(self, source: str) -> Value:
        return self.values.get(source)


def run(*rows: MappingRow, facts: dict[str, Value], **more) -> Rendered | InvalidValues:
    return render(Mapping(**{"name": "x", "rows": rows, **more}), Facts(**facts), timezone=VIENNA)


def tree(*rows: MappingRow, facts: dict[str, Value] | None = None, **more) -> dict[str, Json]:
    found = run(*rows, facts=facts or {}, **more)
    assert isinstance(found, Rendered), found
    return found.tree()


def one(value: Value, *, source: dict | None = None, **row) -> Json:
    """The result of a row with a single source."""
    return tree(MappingRow("a", (SourceValue("profile.notes", **(source or {})),), **row), facts={"notes": value})["a"]


def problem(value: Value, *, source: dict | None = None, **row) -> str:
    found = run(MappingRow("a", (SourceValue("profile.notes", **(source or {})),), **row), facts={"notes": value})
    assert isinstance(found, InvalidValues), found.tree()
    (only,) = found.problems
    return str(only)


def field(name: str, **more) -> SourceValue:
    return SourceValue(f"profile.{name}", **more)


def test_M1_source_fields_and_typed_text_stand_in_order() -> None:
    row = MappingRow("Title", (field("position"), FixedText("  @ "), field("organization")))
    assert tree(row, facts={"position": "Head of Events", "organization": "Oakline"}) == {"Title": "Head of Events  @ Oakline"}


def test_M4_without_a_transformation_values_are_sent_unchanged() -> None:
    assert one("  Zoë\t O'NEILL \n") == "  Zoë\t O'NEILL \n"


def test_M4_trim_takes_spaces_within_sources_and_at_the_ends_but_leaves_typed_text() -> None:
    row = MappingRow("a", (FixedText("  to:  "), field("first_name"), FixedText("   "), field("last_name"), FixedText("  ")), trim=True)
    assert tree(row, facts={"first_name": "  Anna   Maria ", "last_name": "\u00a0Kovář\t\tNovák"}) == {"a": "to:  Anna Maria   Kovář Novák"}


@pytest.mark.parametrize(
    ("before", "after"),
    [(" a  b ", "a b"), ("a \t b", "a b"), ("a\u00a0\u2003b", "a b"), ("a\n\nb", "a\n\nb"), ("a\u00a0b", "a\u00a0b"), ("", "")],
)
def test_M4_trim_keeps_line_breaks(before: str, after: str) -> None:
    assert trim(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("o'brien", "O'Brien"),
        ("L’ORÉAL PARIS", "L’Oréal Paris"),
        ("jean-luc", "Jean-Luc"),
        ("élodie d'angelo", "Élodie D'Angelo"),
        ("DON'T", "Don't"),
        ("it’s", "It’s"),
        ("3RD floor", "3rd Floor"),
        ("rene\u0301e", "Rene\u0301e"),
        ("ΟΔΥΣΣΕΥΣ", "Οδυσσευς"),
        ("иван петров", "Иван Петров"),
        ("İSTANBUL", "İstanbul"),
        ("ǆemal", "ǅemal"),
        ("straße", "Straße"),
        ("김 옥자", "김 옥자"),
        ("foo_bar/baz", "Foo_Bar/Baz"),
        ("", ""),
    ],
)
def test_M4_proper_case(before: str, after: str) -> None:
    assert proper_case(before) == after


def test_M4_one_case_applies_to_the_whole_result() -> None:
    facts: dict[str, Value] = {"first_name": "Zoë", "last_name": "NEILL"}
    parts: tuple[RowPart, ...] = (field("first_name"), FixedText(" O'"), field("last_name"))
    assert tree(MappingRow("a", parts, case=Case.UPPER), facts=facts) == {"a": "ZOË O'NEILL"}
    assert tree(MappingRow("a", parts, case=Case.LOWER), facts=facts) == {"a": "zoë o'neill"}
    assert tree(MappingRow("a", parts, case=Case.PROPER), facts=facts) == {"a": "Zoë O'Neill"}


def value_map(otherwise: Otherwise = Otherwise.KEEP, text: str = "") -> dict:
    return {"value_map": ValueMap((("Czechia", "CZ"), ("Yes", "1"), ("nobody", "")), otherwise, text)}


def test_M4_a_value_map_gives_what_it_lists() -> None:
    assert one("Czechia", source=value_map()) == "CZ"
    assert one(" czechia ", source=value_map()) == "CZ"
    assert one(True, source=value_map()) == "1"
    assert one(("Yes", "No"), source=value_map()) == "1, No"
    assert one("nobody", source=value_map()) == ""


def test_M4_what_a_value_map_does_not_list_is_kept_replaced_or_refused() -> None:
    assert one("Austria", source=value_map()) == "Austria"
    assert one("Austria", source=value_map(Otherwise.TEXT, "other")) == "other"
    assert problem("Austria", source=value_map(Otherwise.ERROR)) == "a: “Austria” is not in the value map"
    assert one(None, source=value_map(Otherwise.ERROR)) == ""


@pytest.mark.parametrize(
    ("how", "instant", "day"),
    [
        (None, "2026-10-14T09:20:11+02:00", "2026-03-01"),
        (DateFormat.ISO, "2026-10-14T09:20:11+02:00", "2026-03-01"),
        (DateFormat.DATE, "2026-10-14", "2026-03-01"),
        (DateFormat.DAY_FIRST, "14-10-2026", "01-03-2026"),
        (DateFormat.WORDS, "14 October 2026", "1 March 2026"),
        (DateFormat.EPOCH, "1791962411999", "1772319600000"),
    ],
)
def test_M4_dates_are_written_in_the_events_timezone(how: DateFormat | None, instant: str, day: str) -> None:
    assert one(CREATED, source={"date_format": how}) == instant
    assert one(date(2026, 3, 1), source={"date_format": how}) == day
    if how:
        assert one("2026-03-01", source={"date_format": how}) == day


@pytest.mark.parametrize(
    ("pattern", "sent"),
    [
        ("DD.MM.YYYY HH:mm:ss", "14.10.2026 09:20:11"),
        ("D/M/YY", "14/10/26"),
        ("D MMMM YYYY, H 'Hours'", "14 October 2026, 9 Hours"),
        ("MMM D", "Oct 14"),
        ("'DD'DD", "DD14"),
        ("YYYY-MM-DD'", "2026-10-14'"),
    ],
)
def test_M4_a_date_is_written_by_a_pattern_of_ones_own(pattern: str, sent: str) -> None:
    assert one(CREATED, source={"date_format": DateFormat.PATTERN, "date_pattern": pattern}) == sent
    assert "is not a date" in problem("soon", source={"date_format": DateFormat.PATTERN, "date_pattern": pattern})


@pytest.mark.parametrize("pattern", ["", "soon", "'DD'", "D" * 101])
def test_M4_what_is_no_pattern_of_a_date_is_refused(pattern: str) -> None:
    with pytest.raises(MappingError, match="a pattern"):
        one(CREATED, source={"date_format": DateFormat.PATTERN, "date_pattern": pattern})


def test_M4_what_is_no_date_is_a_validation_error() -> None:
    assert problem("soon", source={"date_format": DateFormat.WORDS}) == "a: “soon” is not a date"
    assert "too far away" in problem(datetime(9999, 12, 31, 23, 59, tzinfo=UTC), source={"date_format": DateFormat.ISO})


def test_M4_text_stands_in_for_an_empty_source() -> None:
    assert one(None, source={"if_empty": "unknown"}) == "unknown"
    assert one("  ", source={"if_empty": "unknown"}, required=True) == "unknown"
    assert one("here", source={"if_empty": "unknown"}) == "here"
    assert one((), source={"if_empty": "unknown"}, type=ValueType.LIST) == ["unknown"]


def test_M4_a_registrant_called_channel_pings_nobody() -> None:
    row = MappingRow("text", (FixedText("<!here> "), field("first_name", escape=Escape.SLACK)))
    assert tree(row, facts={"first_name": "<!channel> & Co"}) == {"text": "<!here> &lt;!channel&gt; &amp; Co"}


@pytest.mark.parametrize(
    ("escape", "before", "after"),
    [
        (Escape.SLACK, '<@U1> "a" & b', '&lt;@U1&gt; "a" &amp; b'),
        (Escape.HTML, "<b>\"a\" & 'b'</b>", "&lt;b&gt;&quot;a&quot; &amp; &#x27;b&#x27;&lt;/b&gt;"),
        (Escape.MARKDOWN, "*a* [b](c) _d_ `e` <f>", "\\*a\\* \\[b\\]\\(c\\) \\_d\\_ \\`e\\` \\<f\\>"),
        (Escape.MARKDOWN, "- a\n1. b\nc - d 1.5\n===", "\\- a\n1\\. b\nc - d 1.5\n\\==="),
    ],
)
def test_M4_escapes(escape: Escape, before: str, after: str) -> None:
    assert ESCAPES[escape](before) == after


def test_M4_a_case_never_breaks_an_escape_and_a_mapped_value_is_typed_text() -> None:
    assert one("a & b", source={"escape": Escape.SLACK}, case=Case.UPPER) == "A &amp; B"
    mapped = {"escape": Escape.SLACK, "value_map": ValueMap((("vip", "<!here> é"),))}
    assert one("VIP", source=mapped, case=Case.UPPER) == "<!HERE> É"
    assert one("<x>", source=mapped) == "&lt;x&gt;"


def test_M5_a_required_row_without_a_value_is_a_validation_error() -> None:
    assert problem(None, required=True) == "a is required and empty"
    assert problem(" \u00a0 ", required=True) == "a is required and empty"
    beside = run(MappingRow("a", (FixedText("Dear "), field("first_name")), required=True), facts={})
    assert isinstance(beside, InvalidValues)


def test_M5_a_row_of_typed_text_alone_is_never_empty() -> None:
    assert tree(MappingRow("a", (FixedText(" "),), required=True)) == {"a": " "}


def test_M5_every_problem_is_told_at_once() -> None:
    found = run(
        MappingRow("a", (field("phone"),), required=True),
        MappingRow("b", (field("fax"),), type=ValueType.NUMBER),
        facts={"fax": "2 and a baby"},
    )
    assert isinstance(found, InvalidValues)
    assert [str(p) for p in found.problems] == ["a is required and empty", "b: “2 and a baby” is not a number"]


EVERY_TYPE = tuple(MappingRow(kind.value, (field("fax"),), type=kind) for kind in ValueType)


def test_M6_an_empty_optional_value_is_an_empty_text_or_null() -> None:
    assert tree(*EVERY_TYPE) == {"text": "", "number": None, "boolean": None, "list": None, "list of numbers": None}
    assert tree(MappingRow("a", (FixedText("Dear "), field("fax")))) == {"a": ""}


def test_M6_a_mapping_can_leave_empty_values_out_or_send_null() -> None:
    assert tree(*EVERY_TYPE, MappingRow("b", (FixedText("x"),)), empty=EmptyPolicy.LEAVE_OUT) == {"b": "x"}
    assert tree(*EVERY_TYPE, empty=EmptyPolicy.NULL) == dict.fromkeys(ValueType)


def test_M6_an_object_of_left_out_rows_is_left_out() -> None:
    rows = (
        MappingRow("a.b.c", (field("fax"),), nested=True),
        MappingRow("l[0].x", (field("fax"),), nested=True),
        MappingRow("l[1].x", (field("city"),), nested=True),
    )
    assert tree(*rows, facts={"city": "Praha"}, empty=EmptyPolicy.LEAVE_OUT) == {"l": [{"x": "Praha"}]}
    assert tree(*rows[:1], empty=EmptyPolicy.LEAVE_OUT) == {}


def nested_rendered() -> Rendered:
    rows = (
        MappingRow("address.street", (field("address_1"),), nested=True),
        MappingRow("entry.123", (FixedText("x"),)),
        MappingRow("phones[1].number", (field("mobile"),), nested=True),
        MappingRow("phones[0].number", (field("phone"),), nested=True),
        MappingRow("tags[1]", (FixedText("b"),), nested=True),
        MappingRow("tags[0]", (FixedText("a"),), nested=True),
        MappingRow("deep.topics", (SourceValue("answer.3"),), nested=True, type=ValueType.LIST),
        MappingRow("vip", (SourceValue("property.7"),), type=ValueType.BOOLEAN),
        MappingRow("rank", (FixedText("1.50"),), type=ValueType.NUMBER),
        MappingRow("none", (field("fax"),), type=ValueType.NUMBER),
    )
    found = run(*rows, facts={"address_1": "Na Příkopě 14", "phone": "1", "mobile": "2", "answer.3": ("A", "B"), "property.7": True})
    assert isinstance(found, Rendered)
    return found


def test_M2_nested_rows_keep_shape_and_types_in_json() -> None:
    assert nested_rendered().tree() == {
        "address": {"street": "Na Příkopě 14"},
        "entry.123": "x",
        "phones": [{"number": "1"}, {"number": "2"}],
        "tags": ["a", "b"],
        "deep": {"topics": ["A", "B"]},
        "vip": True,
        "rank": 1.5,
        "none": None,
    }


def test_M2_a_form_writes_nested_rows_in_brackets_and_repeats_the_key_of_a_list() -> None:
    assert nested_rendered().pairs() == [
        ("address[street]", "Na Příkopě 14"),
        ("entry.123", "x"),
        ("phones[0][number]", "1"),
        ("phones[1][number]", "2"),
        ("tags", "a"),
        ("tags", "b"),
        ("deep[topics]", "A"),
        ("deep[topics]", "B"),
        ("vip", "true"),
        ("rank", "1.5"),
        ("none", ""),
    ]


@pytest.mark.parametrize("empty", [EmptyPolicy.LEAVE_OUT, EmptyPolicy.KEY])
@pytest.mark.parametrize("filled", [{"b"}, {"c"}, {"a", "c"}, {"d"}, {"a", "b", "c", "d"}, set()])
def test_M2_entries_of_a_list_have_one_numbering_in_json_and_in_a_form(filled: set[str], empty: EmptyPolicy) -> None:
    targets = {"l[0].n": "a", "l[1].n": "b", "l[1].m": "c", "l[2].deep[0].x": "d", "other": "e"}
    fields = dict(zip("abcde", ("city", "state", "country", "phone", "fax"), strict=True))
    rows = [MappingRow(target, (field(fields[name]),), nested=True) for target, name in targets.items()]
    rendered = run(*rows, facts={fields[name]: name for name in filled}, empty=empty)
    assert isinstance(rendered, Rendered)
    tree = rendered.tree()
    expected = {}
    for name, value in rendered.pairs():
        path = tuple(int(step) if step.isdecimal() else step for step in re.findall(r"[^\[\]]+", name))
        expected[path] = value

    def leaves(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if members is None:
            yield path, value
        for step, member in members or ():
            yield from leaves(member, (*path, step))

    assert expected == dict(leaves(tree))


@pytest.mark.parametrize(
    ("facts", "sent"),
    [
        ({"middle_name": "Q", "last_name": "McDonald"}, "Q, McDonald"),
        ({"last_name": "McDonald"}, "McDonald"),
        ({"middle_name": "Q", "last_name": " "}, "Q"),
    ],
)
def test_M5_no_comma_before_a_last_name_that_stands_alone(facts: dict[str, Value], sent: str) -> None:
    row = MappingRow("x", (field("middle_name"), FixedText(", "), field("last_name")), tidy=True)
    known = {f"profile.{name}": value for name, value in facts.items()}
    assert tree(row, facts=known) == {"x": sent}
    assert tree(replace(row, case=Case.UPPER), facts=known) == {"x": sent.upper()}
    escaped = replace(row, parts=(field("middle_name", escape=Escape.HTML), *row.parts[1:]), case=Case.UPPER)
    assert tree(escaped, facts=known) == {"x": sent.upper()}
    needed = replace(row, required=True)
    assert isinstance(run(needed, facts=known), Rendered)
    assert isinstance(run(needed, facts={}), InvalidValues)


def test_M2_a_list_row_is_made_of_the_entries_of_all_its_parts() -> None:
    row = MappingRow("a", (SourceValue("answer.3"), FixedText("always "), field("city")), type=ValueType.LIST, trim=True, case=Case.LOWER)
    assert tree(row, facts={"answer.3": (" A ", "", "B  C"), "city": None}) == {"a": ["a", "b c", "always"]}


def test_M7_a_preview_has_each_rows_value() -> None:
    assert nested_rendered().values()[:2] == [("address.street", "Na Příkopě 14"), ("entry.123", "x")]


def test_M8_answers_of_two_questions_are_one_text() -> None:
    assert tree(MappingRow("a", (SourceValue("answer.3"),)), facts={"answer.3": "Vegan; No nuts"}) == {"a": "Vegan; No nuts"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "Yes"),
        (False, "No"),
        (("A", "B"), "A, B"),
        (7, "7"),
        (2.5, "2.5"),
        (3.0, "3"),
        (CREATED, "2026-10-14T09:20:11+02:00"),
        (date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_M9_values_as_text(value: Value, text: str) -> None:
    assert one(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [("12", 12), (" -7 ", -7), ("+3", 3), ("007", 7), ("12.50", 12.5), (".5", 0.5), ("1e3", 1000.0), (5, 5), (1.5, 1.5)],
)
def test_M9_a_number_row_sends_a_number(value: Value, number: float) -> None:
    assert one(value, type=ValueType.NUMBER) == number


@pytest.mark.parametrize("value", ["2 and a baby", "1,000", "1.2.3", "nan", "inf", "1_000", "٣", "0x10", "--1", True])
def test_M9_text_that_is_no_number_is_a_validation_error(value: Value) -> None:
    assert problem(value, type=ValueType.NUMBER).endswith("is not a number")


@pytest.mark.parametrize("value", ["9" * 30, str(2**63), 2**64, "1e400", pytest.param(10**5000, id="endless")])
def test_M9_a_number_that_no_target_holds_is_a_validation_error(value: Value) -> None:
    assert problem(value, type=ValueType.NUMBER).endswith("is too large a number")


@pytest.mark.parametrize(
    ("value", "flag"),
    [("Yes", True), ("TRUE", True), ("1", True), ("on", True), (True, True), ("no", False), ("false", False), ("0", False), (False, False)],
)
def test_M9_a_boolean_row_sends_true_or_false(value: Value, flag: bool) -> None:
    assert one(value, type=ValueType.BOOLEAN) is flag


def test_M9_anything_else_in_a_boolean_row_is_a_validation_error() -> None:
    assert problem("maybe", type=ValueType.BOOLEAN) == "a: “maybe” is neither Yes nor No"


def headers(**values: Value) -> Rendered | InvalidValues:
    rows = [MappingRow(f"X-{name}", (field(name),)) for name in values]
    return run(*rows, facts=values, kind=MappingKind.HEADER)


def test_M9_headers_are_a_list_of_texts() -> None:
    found = headers(first_name="Zoë", fax=None, notes=("a", "b"))
    assert isinstance(found, Rendered)
    assert found.headers() == [("X-first_name", "Zoë"), ("X-fax", ""), ("X-notes", "a, b")]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\r\nHost: x", "has a line break"),
        ("a\nb", "line break"),
        ("\0", "control character"),
        ("a" * 8001, "longer than"),
        ("\ud800", "half a character"),
    ],
)
def test_M9_what_no_header_can_hold_is_a_validation_error(value: str, said: str) -> None:
    found = headers(notes=value)
    assert isinstance(found, InvalidValues)
    assert said in found.problems[0].reason


def test_M9_a_rendered_request_has_an_end() -> None:
    rows = [MappingRow(f"a{i}", (field("notes"),) * 50) for i in range(100)]
    found = run(*rows, facts={"notes": "x" * 10_000})
    assert isinstance(found, InvalidValues)
    assert found.problems[0].reason.startswith("makes the request longer than 1,000,000")


def test_M5_a_problem_shows_a_long_value_cut_short() -> None:
    assert len(problem("x" * 5000, type=ValueType.NUMBER)) < 120
