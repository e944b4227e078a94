"""Valid and invalid mappings, and the body that stores them (guide: Mappings; M1-M3)."""

from __future__ import annotations

import json
from datetime import UTC

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
    SourceValue,
    ValueMap,
    ValueType,
)
from heliograph.domain.mapping.mapping_renderer import Rendered, render
from heliograph.domain.mapping.paths import MAX_DEPTH, PathError, format_path, look_up, parse_path
from heliograph.domain.mapping.proposals import proposals
from heliograph.domain.mapping.sample_json import new_rows, rows_from_sample
from heliograph.domain.setup.fields import Subject, catalogue


def mapping(*rows: MappingRow, **more) -> Mapping:
    return Mapping(**{"name": "Lead mapping", "rows": rows, **more})


def nested(target: str, **more) -> MappingRow:
    return MappingRow(target, (FixedText("x"),), nested=True, **more)


def test_M1_a_mapping_comes_back_from_its_body() -> None:
    whole = mapping(
        MappingRow(
            "Title",
            (SourceValue("profile.position"), FixedText("  @ "), SourceValue("profile.organization", if_empty="at home")),
            trim=True,
            case=Case.PROPER,
        ),
        MappingRow(
            "country",
            (SourceValue("profile.country", ValueMap((("Czechia", "CZ"),), Otherwise.TEXT, "??"), escape=Escape.SLACK),),
            required=True,
        ),
        MappingRow("address.since", (SourceValue("registration.created", date_format=DateFormat.WORDS),), nested=True),
        MappingRow("guests", (SourceValue("answer.7"),), type=ValueType.NUMBER),
        empty=EmptyPolicy.LEAVE_OUT,
    )
    assert Mapping.from_body(json.loads(json.dumps(whole.to_body()))) == whole


def test_M1_a_body_says_only_what_is_not_as_usual() -> None:
    assert mapping(MappingRow("a", (FixedText("x"),))).to_body() == {
        "name": "Lead mapping",
        "kind": "payload",
        "subject": "registration",
        "rows": [{"target": "a", "parts": [{"text": "x"}]}],
    }


@pytest.mark.parametrize(
    ("body", "row", "field", "said"),
    [
        ({"subject": "registration"}, None, "name", "needs a name"),
        ({"name": "x"}, None, "subject", "expected one of registration, session, event"),
        ({"name": "x", "subject": "event", "rows": {}}, None, "rows", "expected a list, got an object"),
        ({"name": "x", "subject": "event", "rows": [{"target": "a"}, []]}, 2, "mapping", "expected an object, got a list"),
        (
            {"name": "x", "subject": "event", "rows": [{"target": "a", "required": "yes"}]},
            1,
            "required",
            "expected true or false, got a text",
        ),
        ({"name": "x", "subject": "event", "rows": [{"target": "a", "parts": [{}]}]}, 1, "parts[0]", "a source or a text"),
        ({"name": "x", "subject": "event", "rows": [{"target": "a", "parts": [{"source": "x"}]}]}, 1, "source", "no field “x”"),
        (
            {"name": "x", "subject": "event", "rows": [{"target": "a", "parts": [{"text": "\ud800"}]}]},
            1,
            "parts[0].text",
            "half a character",
        ),
        ({"name": "x", "subject": "event", "rows": [{"target": " "}]}, 1, "target", "is missing"),
        ({"name": "x", "subject": "event", "rows": [{"target": "a[", "nested": True}]}, 1, "target", "must be a number"),
        ([], None, "mapping", "expected an object, got a list"),
    ],
)
def test_M1_a_refusal_names_row_field_and_reason(body: object, row: int | None, field: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        Mapping.from_body(body)
    assert (caught.value.row, caught.value.field) == (row, field)
    assert said in caught.value.reason


def test_M1_keys_of_a_newer_release_are_passed_over() -> None:
    assert (
        Mapping.from_body({"name": "x", "subject": "event", "colour": "red", "rows": [{"target": "a", "shade": 1}]}).rows[0].target == "a"
    )


def test_M1_a_mapping_knows_what_it_uses() -> None:
    found = mapping(
        MappingRow("a", (SourceValue("profile.email"), SourceValue("answer.7"))),
        MappingRow("b", (SourceValue("profile.email"),)),
        MappingRow("c"),
    )
    assert found.sources == {"profile.email", "answer.7"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((MappingRow("a"), MappingRow("a")), "there is a row “a” already"),
        ((MappingRow("a"), nested("a.b")), "would make an object of “a”, which is a value"),
        ((nested("a.b"), MappingRow("a")), "has rows within it"),
        ((nested("a.b.c"), nested("a.b")), "has rows within it"),
        ((nested("a[0]"), nested("a.b")), "would make an object of “a”, which is a list"),
        ((nested("a[0].x"), nested("a[0].x")), "there is a row “a[0].x” already"),
        ((nested("a.b"), MappingRow("a[b]")), "the same name"),
        ((nested("a[1]"),), "entry 0 has none"),
        ((nested("a[0]"), nested("a[2].b")), "entry 1 has none"),
        ((nested("a[0]", type=ValueType.LIST),), "cannot be a list itself"),
        (tuple(MappingRow(f"a{i}") for i in range(501)), "at most 500 rows"),
        ((MappingRow("a", (FixedText("x"),) * 51),), "at most 50 fields and texts"),
        ((MappingRow("a" * 501),), "at most 500 characters"),
    ],
)
def test_M2_rows_that_do_not_fit_together_are_refused(rows: tuple[MappingRow, ...], said: str) -> None:
    with pytest.raises(MappingError, match=said.replace("[", r"\[").replace("]", r"\]")):
        mapping(*rows)


def test_M2_a_name_is_literal_unless_its_row_is_nested() -> None:
    both = mapping(MappingRow("entry.123"), MappingRow("a.b"), MappingRow("x[0]"), nested("a.b"))
    assert [row.path for row in both.rows] == [("entry.123",), ("a.b",), ("x[0]",), ("a", "b")]


def test_M2_paths_are_read_and_written_one_way() -> None:
    for text, path in {
        "a": ("a",),
        "blocks[0].text.text": ("blocks", 0, "text", "text"),
        'form["entry.123"][2]': ("form", "entry.123", 2),
        'a["say \\"x\\""]': ("a", 'say "x"'),
        'a[""]': ("a", ""),
    }.items():
        assert parse_path(text) == path
        assert format_path(path) == text


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[]", "a[x]", "a[01]", "a[-1]", "a[100]", "a[٣]", 'a["x]', 'a["x"', "a]", "a[0]b"]
)
def test_M2_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathError):
        parse_path(text)


def test_M2_paths_have_a_depth_and_a_length() -> None:
    with pytest.raises(PathError, match="steps deep"):
        parse_path(".".join(["a"] * (MAX_DEPTH + 1)))
    with pytest.raises(PathError, match="characters long"):
        parse_path("a" * 501)


def test_M2_a_path_finds_its_value() -> None:
    answer = {"errors": [{"code": "taken"}], "ok": False}
    assert look_up(answer, parse_path("errors[0].code")) == "taken"
    assert look_up(answer, parse_path("ok")) is False
    for path in ("errors[1].code", "errors.code", "ok[0]", "none"):
        assert repr(look_up(answer, parse_path(path))).startswith("<heliograph.domain.mapping.paths.Absent")


SAMPLE = """{"FirstName": "Ann", "Score": 12, "Newsletter": true, "entry.1": null, "billing": {"vat": "ATU0"}, "topics": ["a"], "ranks": [1, 2.5],
 "phones": [{"kind": "work", "number": ""}, {"kind": "home"}], "grid": [[1], ["x", true]], "flags": [true], "none": {}, "empty": []}"""


def test_M2_a_sample_gives_rows_that_keep_shape_and_types() -> None:
    rows = rows_from_sample(SAMPLE).rows
    assert [(row.target, row.type.value, row.nested) for row in rows] == [
        ("FirstName", "text", False),
        ("Score", "number", False),
        ("Newsletter", "boolean", False),
        ("entry.1", "text", False),
        ("billing.vat", "text", True),
        ("topics", "list", False),
        ("ranks", "list of numbers", False),
        ("phones[0].kind", "text", True),
        ("phones[0].number", "text", True),
        ("phones[1].kind", "text", True),
        ("grid[0][0]", "number", True),
        ("grid[1][0]", "text", True),
        ("grid[1][1]", "boolean", True),
        ("flags[0]", "boolean", True),
        ("empty", "list", False),
    ]
    assert not any(row.parts for row in rows), "values are thrown away"
    mapping(*rows)  # they fit together


def test_M2_a_sample_adds_only_what_is_not_there() -> None:
    existing = (MappingRow("FirstName", (SourceValue("profile.first_name"),)), nested("billing.vat"))
    new, known = new_rows(existing, rows_from_sample('{"FirstName": "", "Email": "", "billing": {"vat": 1, "iban": ""}}').rows)
    assert [row.target for row in new] == ["Email", "billing.iban"]
    assert [row.target for row in known] == ["FirstName", "billing.vat"]
    mapping(*existing, *new)


def test_M2_a_sample_may_begin_with_a_mark_and_hold_numbers_of_any_length() -> None:
    rows = rows_from_sample('\ufeff{"id": ' + "9" * 5000 + ', "n": 1.5e3, "l": [' + "1" * 400 + "]}").rows
    assert [(row.target, row.type) for row in rows] == [("id", ValueType.NUMBER), ("n", ValueType.NUMBER), ("l", ValueType.NUMBERS)]


def test_M2_a_samples_values_can_be_kept_as_typed_text() -> None:
    text = """{"list": "abc", "n": 12.50, "yes": true, "none": null, "empty": "", "tags": ["a", "", "b"], "ranks": [1, 2], "deep": {"x": "y"},
     "long": %s, "half": "\\ud800"}""" % ("9" * 50)
    rows = {row.target: row for row in rows_from_sample(text, values=True).rows}
    kept = {target: [part.text for part in row.parts if isinstance(part, FixedText)] for target, row in rows.items()}
    assert kept == {
        "list": ["abc"], "n": ["12.50"], "yes": ["true"], "none": [], "empty": [], "tags": ["a", "b"], "ranks": ["1", "2"], "deep.x": ["y"], "long": [], "half": [],
    }  # fmt: skip
    rendered = render(mapping(*rows.values()), NoFacts(), timezone=UTC)
    assert isinstance(rendered, Rendered)
    sent = rendered.tree()
    assert (sent["list"], sent["n"], sent["yes"], sent["tags"], sent["ranks"], sent["deep"]) == (
        "abc",
        12.5,
        True,
        ["a", "b"],
        [1, 2],
        {"x": "y"},
    )


class NoFacts:
    def value(self, _source: str) -> None:
        return None


def test_M2_the_names_of_a_sample_propose_fields() -> None:
    sample = '{"FirstName": "", "e_mail": "", "LAST-NAME": "", "company": "", "address": {"city": "", "zip": ""}, "EventCode": "", "Title": "", "phone": true, "list": ""}'
    fields = [field for group in catalogue(Subject.REGISTRATION).values() for field in group]
    assert proposals(rows_from_sample(sample).rows, fields) == {
        "FirstName": "profile.first_name",
        "e_mail": "profile.email",
        "LAST-NAME": "profile.last_name",
        "company": "profile.organization",
        "address.city": "profile.city",
        "address.zip": "profile.postal_code",
        "EventCode": "event.code",
    }
    events = [field for group in catalogue(Subject.EVENT).values() for field in group]
    assert proposals(rows_from_sample(sample).rows, events) == {"EventCode": "event.code"}, (
        "what an event mapping cannot use is not proposed"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "line 1, character 2"),
        ('{"a": NaN}', "NaN is not a number"),
        ("[1]", "an object"),
        ('[{"a": 1}]', "a single entry"),
        ('{"a":' * 30 + "1" + "}" * 30, "levels deep"),
        ('{"a":' * 200_000 + "1", "500,000 characters"),
        ("[" * 100_000, "levels deep"),
        ('{"a": 1, "b": {"x": 1, "x": 2}}', "the name “x” stands twice in one object"),
        ('{"": 1}', "a field in it has no name"),
        ('{"a": {" ": 1}}', "a field in it has no name"),
        ('{"a": 1, // the number\n "b": 2}', "it has a comment in line 1, character 10"),
        ('{"a": 1 /* one */}', "it has a comment in line 1"),
        ('{"a": 1\n# one\n}', "it has a comment in line 2"),
        ("{'a': 1}", "straight double quotes"),
        ("{“a”: 1}", "straight double quotes"),
        ('{"a": 1,}', "nothing follows the comma"),
        ('{"a": 1 "b": 2}', "a comma is missing in line 1, character 9"),
        ('{"a" 1}', "a colon is missing"),
        ('{"a": "x', "this text does not end"),
        ('{"a": "x\ny"}', "a line break or a control character stands within a text"),
        ('{"a": "\\x"}', "a backslash in a text"),
        ('{"a": 1} {"b": 2}', "something follows after its end"),
        ('{"a\\ud800": 1}', "half a character"),
        ('{"a":[' + "{},{}," * 60 + '{"b":1}]}', "more than 100 entries"),
        ("{" + ",".join(f'"a{i}":1' for i in range(501)) + "}", "more than 500 fields"),
    ],
)
def test_M2_what_is_no_usable_sample_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        rows_from_sample(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        (Subject.EVENT, "profile.email"),
        (Subject.EVENT, "answer.1"),
        (Subject.EVENT, "property.-1"),
        (Subject.EVENT, "previous.profile.email"),
        (Subject.EVENT, "session.code"),
        (Subject.REGISTRATION, "session.code"),
    ],
)
def test_M3_a_mapping_takes_only_the_fields_of_its_subject(subject: Subject, key: str) -> None:
    with pytest.raises(MappingError, match=f"a mapping for an? {subject} has no field"):
        mapping(MappingRow("a", (SourceValue(key),)), subject=subject)


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "Connection", "webhook-id", "Webhook-Signature", "Proxy-X", "a b", "x:", "", "é"],
)
def test_M9_a_header_row_may_not_frame_the_message(name: str) -> None:
    with pytest.raises(MappingError):
        mapping(MappingRow(name, (FixedText("x"),)), kind=MappingKind.HEADER)


def test_M9_header_rows_are_flat_few_and_named_once() -> None:
    with pytest.raises(MappingError, match="nested"):
        mapping(nested("X-A"), kind=MappingKind.HEADER)
    with pytest.raises(MappingError, match="already"):
        mapping(MappingRow("X-A"), MappingRow("x-a"), kind=MappingKind.HEADER)
    with pytest.raises(MappingError, match="at most 50 headers"):
        mapping(*(MappingRow(f"X-{i}") for i in range(51)), kind=MappingKind.HEADER)
