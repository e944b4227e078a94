"""The registration document: what is accepted, what is refused and with which message (I2, P6)."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heliograph.domain.registration import document as documents
from heliograph.domain.registration import document_values
from heliograph.domain.registration.change import KEEP
from heliograph.domain.registration.document import MAX_CODE, MAX_TEXT, MAX_VALUES, address, resolve
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.sentence_template import plain_text
from heliograph.domain.setup import name_index
from heliograph.domain.setup.compiled_setup import Field
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.snapshot import HistoryEntry, compile_account, compile_event
from heliograph.recording import json_documents
from heliograph.recording.json_documents import NoDocument, read_document

ACCOUNT = compile_account(7, 1, [
    HistoryEntry("statuses", 7, 1, {
        "registration": [{"id": 1, "code": "NEW", "name": "New", "class": "Accepted"}, {"id": 2, "code": "ATTENDED", "name": "Attended", "class": "Accepted"}],
        "session": [{"id": 11, "code": "REGISTERED", "name": "Registered"}, {"id": 12, "code": "ATTENDED", "name": "Attended"}],
        "event": [{"id": 21, "code": "LIVE", "name": "Live"}],
    }),
    HistoryEntry("fields", 7, 1, {
        "profile": [{"id": 31, "code": "shirt", "label": "Shirt", "type": "select", "options": ["S", "M"]}, {"id": 32, "code": "born", "label": "Born", "type": "date"}],
        "event": [],
    }),
])  # fmt: skip
EVENT = compile_event(3, 7, 1, [
    HistoryEntry("event", 3, 1, {"code": "SUMMIT-26", "name": "Summit", "status": 21}),
    HistoryEntry("setup", 3, 1, {
        "statuses": [{"id": 5, "code": "VIP-LIST", "name": "On the VIP list", "class": "Pending"}],
        "types": [{"id": 41, "code": "SPK", "name": "Speaker"}],
        "questions": [
            {"id": 51, "code": "dietary", "label": "Dietary needs", "type": "multi-select", "options": ["Vegan", "Gluten-free"]},
            {"id": 52, "code": "consent", "label": "Consent", "type": "checkbox"},
            {"id": 53, "code": "age", "label": "Age", "type": "number"},
            {"id": 54, "code": "note", "label": "A note", "type": "text"},
            {"id": 55, "code": "size", "label": "Size", "type": "radio", "options": ["S", "M"]},
        ],
        "properties": [{"id": 61, "code": "VIP", "name": "VIP guest"}],
        "sessions": [{"id": 71, "code": "KEYNOTE", "name": "The keynote"}],
    }),
])  # fmt: skip
FIELDS = (*documents.KNOWN, "profile", "answers", "sessions", "nonsense")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**300, 10**310) | st.floats() | st.text() | st.text(alphabet="\ud800a\0 "),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(("code", "status", "custom", "dietary", "age", "Test", "\ud800")), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
any_document = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), json_values, max_size=6)


def refused(**document: object) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as error:
        resolve(document, ACCOUNT, EVENT)
    return error.value


def problem(**document: object) -> document_values.DocumentProblem:
    (found,) = refused(**document).problems
    return found


def upsert(**document: object):
    return resolve(document, ACCOUNT, EVENT)


def problems_of(document: dict[str, object]) -> list[document_values.DocumentProblem]:
    """Every problem of a document; any exception other than DocumentRefused fails the test."""
    found: list[document_values.DocumentProblem] = []
    for read in (lambda: address(document), lambda: resolve(document, ACCOUNT, EVENT)):
        try:
            read()
        except DocumentRefused as error:
            found += error.problems or pytest.fail("refused without a problem")
    return found


@given(any_document)
@example({"properties": {"\ud800": True}, "answers": {"\0": 1}})
@example({"code": 10**5000, "order_code": 10**5000, "profile": {"email": float("nan")}, "answers": {"age": 10**5000}})
@example({"modified": "0001-01-01T00:00:00+23:59", "active": 10**5000, "sessions": [{"code": 10**5000, "status": [[]]}]})
def test_I2_any_json_is_taken_or_refused_and_nothing_else(document):
    for p in problems_of(document):
        assert p.reason
        assert len(p.field) <= 200
        assert len(p.value) <= 100
        msgspec.json.encode(
            [p.field, p.reason, p.allowed, p.value], enc_hook=plain_text
        )  # it can be encoded as JSON and stored in a database
        assert "\0" not in p.field + p.reason + p.value


@given(any_document)
def test_I2_what_is_taken_can_be_stored(document):
    """ARCHITECTURE.md, rule 2: what a database would refuse is refused here."""
    try:
        taken = resolve(document, ACCOUNT, EVENT)
    except DocumentRefused:
        return
    texts = [*taken.profile.values(), *(v for values in (*taken.custom.values(), *taken.answers.values()) for v in values)]
    texts += [taken.order_code] if isinstance(taken.order_code, str) else []
    for text in texts:
        text.encode()
        assert "\0" not in text
        assert len(text) <= documents.MAX_LONG_TEXT


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_I2_bytes_are_a_document_or_refused(data):
    try:
        document = read_document(data)
    except (NoDocument, DocumentRefused):
        return
    assert isinstance(document, dict)


def test_I2_a_document_nested_too_deeply_is_refused():
    with pytest.raises(DocumentRefused):
        read_document(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)


def test_I2_the_document_of_the_guide():
    taken = upsert(
        event="SUMMIT-26", code="S26-000123", modified="2026-03-01T09:30:00Z", status="Attended", attendee_type="Speaker", active=True, order_code="O-77",
        profile={"first_name": "Zoë", "email": "zoe@example.org", "custom": {"shirt": "M"}},
        answers={"dietary": ["Vegan", "Gluten-free"], "consent": "Yes"}, properties={"Complete": True, "VIP guest": False},
        sessions=[{"code": "KEYNOTE", "status": "Attended"}],
    )  # fmt: skip
    assert (taken.status, taken.attendee_type, taken.active, taken.order_code) == (2, 41, True, "O-77")
    assert taken.profile == {"first_name": "Zoë", "email": "zoe@example.org"}
    assert taken.custom == {31: ("M",)}
    assert taken.answers == {51: ("Vegan", "Gluten-free"), 52: ("Yes",)}
    assert taken.properties == {-1: True, 61: False}
    assert taken.sessions == {71: 12}
    assert taken.modified == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_I2_absent_is_unchanged_and_null_is_cleared():
    absent = upsert()
    assert (absent.status, absent.attendee_type, absent.active, absent.order_code) == (KEEP, KEEP, KEEP, KEEP)
    assert [absent.profile, absent.custom, absent.answers, absent.properties, absent.sessions] == [{}] * 5
    cleared = upsert(attendee_type=None, order_code=None, profile={"email": None, "custom": {"shirt": None}}, answers={"dietary": None, "note": ""}, properties={"VIP": None})  # fmt: skip
    assert (cleared.attendee_type, cleared.order_code) == (None, "")
    assert (cleared.profile, cleared.custom, cleared.answers, cleared.properties) == (
        {"email": ""},
        {31: ()},
        {51: (), 54: ()},
        {61: False},
    )


def test_P3_a_status_is_never_cleared():
    assert upsert(status=None).status is KEEP
    assert upsert(status="").status is KEEP


@pytest.mark.parametrize("text", ["Attended", "ATTENDED", " attended ", "VIP-LIST", "on the vip LIST"])
def test_I2_statuses_by_code_or_name(text):
    assert upsert(status=text).status in (2, 5)


@pytest.mark.parametrize(
    ("document", "field", "allowed"),
    [
        ({"status": "Atended"}, "status", "Attended"),
        ({"status": 7}, "status", "Attended"),
        ({"attendee_type": "Guest"}, "attendee_type", "Speaker"),
        ({"active": "maybe"}, "active", "Yes"),
        ({"active": None}, "active", "Yes"),
        ({"answers": {"diet": "Vegan"}}, "answers.diet", "dietary"),
        ({"answers": {"dietary": ["Vegan", "Meat"]}}, "answers.dietary", "Gluten-free"),
        ({"answers": {"consent": "perhaps"}}, "answers.consent", "No"),
        ({"answers": {"age": "1_000"}}, "answers.age", "12.5"),
        ({"answers": {"age": "nan"}}, "answers.age", "12.5"),
        ({"answers": {"age": "\u0664"}}, "answers.age", "12.5"),
        ({"profile": {"custom": {"shirt": "XXL"}}}, "profile.custom.shirt", "M"),
        ({"profile": {"custom": {"born": "yesterday"}}}, "profile.custom.born", "2026-03-01"),
        ({"profile": {"e-mail": "x"}}, "profile.e-mail", "email"),
        ({"properties": {"Complet": True}}, "properties.Complet", "Complete"),
        ({"properties": {"VIP guest": 2}}, "properties.VIP guest", "Yes"),
        ({"sessions": [{"code": "PANEL"}]}, "sessions[0].code", "KEYNOTE"),
        ({"sessions": [{"code": "KEYNOTE", "status": "Gone"}]}, "sessions[0].status", "Attended"),
        ({"modified": "2026-03-01"}, "modified", "2026-03-01T09:30:00Z"),
        ({"modified": "2026-03-01T09:30:00"}, "modified", "2026-03-01T09:30:00Z"),
        ({"modified": 1772357400}, "modified", "2026-03-01T09:30:00Z"),
        ({"emial": "x"}, "emial", "profile"),
    ],
)  # fmt: skip
def test_I2_a_refusal_names_field_reason_and_allowed_values(document, field, allowed):
    found = problem(**document)
    assert found.field == field
    assert found.reason.endswith(".")
    assert allowed in found.allowed


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"profile": []}, "profile"),
        ({"profile": {"email": ["x"]}}, "profile.email"),
        ({"profile": {"email": "a\0b"}}, "profile.email"),
        ({"profile": {"email": "a\ud800b"}}, "profile.email"),
        ({"profile": {"email": "x" * (MAX_TEXT + 1)}}, "profile.email"),
        ({"profile": {"email": float("inf")}}, "profile.email"),
        ({"order_code": 10**400}, "order_code"),
        ({"answers": {"note": "x" * 20_001}}, "answers.note"),
        ({"answers": {"note": ["a", "b"]}}, "answers.note"),
        ({"answers": {"size": ["S", "M"]}}, "answers.size"),
        ({"answers": {"dietary": ["Vegan"] * (MAX_VALUES + 1)}}, "answers.dietary"),
        ({"sessions": {}}, "sessions"),
        ({"sessions": ["KEYNOTE"]}, "sessions[0]"),
        ({"sessions": [{"code": "KEYNOTE"}, {"code": "The keynote"}]}, "sessions[1]"),
        ({"modified": "0001-01-01T00:00:00+23:59"}, "modified"),
    ],
)  # fmt: skip
def test_I2_what_no_database_takes_is_refused(document, field):
    assert problem(**document).field == field


def test_I2_every_problem_is_said_at_once():
    found = refused(status="x", profile={"nope": 1}, answers={"age": "old"}, sessions=[{"code": "?"}])
    assert {p.field for p in found.problems} == {"status", "profile.nope", "answers.age", "sessions[0].code"}


@given(st.text(min_size=1, max_size=30).filter(lambda t: t.strip() and not any(unicodedata.category(c) in ("Cc", "Cs") for c in t)))
def test_I2_codes_are_compared_after_nfc_and_trim(text):
    for spelt in (text, f"  {text} ", unicodedata.normalize("NFD", text)):
        assert address({"event": "E", "code": spelt}) == ("E", unicodedata.normalize("NFC", text).strip())


@pytest.mark.parametrize("code", [None, "", "  ", 7, [], "x" * (MAX_CODE + 1), "a\nb", "a\0b", "\ud800"])
def test_I2_codes_that_are_none(code):
    with pytest.raises(DocumentRefused) as error:
        address({"event": "E", "code": code})
    assert [p.field for p in error.value.problems] == ["code"]


@given(st.sampled_from(sorted(PROFILE_FIELDS)), st.text(max_size=50).filter(lambda t: "\0" not in t and t.isprintable()))
def test_I2_texts_are_kept_as_they_are(name, text):
    assert upsert(profile={name: text}).profile == {name: text}


@pytest.mark.parametrize(("value", "text"), [(12, "12"), (1.5, "1.5"), (True, "Yes"), (False, "No"), (None, "")])
def test_I2_numbers_and_flags_become_texts(value, text):
    assert upsert(profile={"position": value}).profile == {"position": text}


@pytest.mark.parametrize(
    ("value", "found"), [("12.5", ("12.5",)), (12, ("12",)), (-1e3, ("-1000.0",)), ("", ()), ([], ()), (["7"], ("7",))]
)
def test_P6_number_answers(value, found):
    assert upsert(answers={"age": value}).answers == {53: found}


@pytest.mark.parametrize(("value", "found"), [(True, ("Yes",)), ("no", ("No",)), (["Yes"], ("Yes",)), (None, ())])
def test_P6_a_checkbox_without_options_is_yes_or_no(value, found):
    assert upsert(answers={"Consent": value}).answers == {52: found}


def test_P6_options_in_any_case_and_once():
    assert upsert(answers={"dietary": ["vegan ", "VEGAN", "Gluten-free"]}).answers == {51: ("Vegan", "Gluten-free")}


def test_P5_a_session_without_a_status_is_registered():
    assert upsert(sessions=[{"code": "keynote"}]).sessions == {71: 11}


def test_I2_a_document_of_nonsense_is_answered_by_a_bounded_list() -> None:
    """A megabyte of unknown names used to produce a sixteen-megabyte answer, and blocked everyone else meanwhile."""
    many = range(50_000)
    for nonsense in (
        {"profile": {f"k{i}": 1 for i in many}},
        {"profile": {"custom": {f"k{i}": 1 for i in many}}},
        {"answers": {f"k{i}": 1 for i in many}},
        {"properties": {f"k{i}": True for i in many}},
        {"sessions": [{"code": f"k{i}", "status": "x"} for i in range(documents.MAX_SESSIONS)]},
        {f"k{i}": 1 for i in many},
    ):
        problems = refused(**nonsense).problems
        assert len(problems) == document_values.MOST_PROBLEMS + 1
        assert problems[-1].field == ""
        assert "more problems" in problems[-1].reason


def test_I2_options_are_found_but_for_case_and_the_first_of_equal_ones() -> None:
    field = Field(1, "q", "Q", "multi-select", ("Vegan", "VEGAN ", "Kosher"))
    read = document_values.DocumentReader()
    assert documents.answer(read, ["vegan", "VEGAN ", "kOSHER", ""], field, "answers.q") == ("Vegan", "VEGAN ", "Kosher")
    assert not read.problems


LABELS = {"answers": "Dietary needs", "properties": "VIP guest", "custom": "Shirt"}


def twice(part: str, first: str, second: str) -> dict[str, object]:
    given = {first: None, second: None}
    return {"profile": {"custom": given}} if part == "custom" else {part: given}


@given(st.sampled_from(sorted(LABELS)), st.data())
def test_I2_A4_a_second_name_for_one_field_is_refused_with_both(part, data):
    """Whatever its letters, spaces and Unicode forms, also its code beside its label."""
    label = LABELS[part]
    codes = {"answers": "dietary", "properties": "VIP", "custom": "shirt"}
    spelt = st.one_of(
        st.sampled_from([label, codes[part], label.upper(), label.lower(), f" {label}", f"{label}\u00a0", f"{codes[part]} "]),
        st.lists(st.booleans(), min_size=len(label), max_size=len(label)).map(lambda up: "".join(c.upper() if u else c.lower() for c, u in zip(label, up, strict=True))),
    )  # fmt: skip
    first, second = data.draw(st.lists(spelt, min_size=2, max_size=2, unique=True))
    found = problem(**twice(part, first, second))
    assert second in found.field
    assert f"“{first}”" in found.reason
    assert found.value == second


def test_I2_A4_composed_and_decomposed_are_one_name() -> None:
    event = compile_event(3, 7, 1, [
        HistoryEntry("event", 3, 1, {"code": "E", "name": "E", "status": 21}),
        HistoryEntry("setup", 3, 1, {"questions": [{"id": 1, "code": "q", "label": "Gr\u00f6\u00dfe", "type": "text"}]}),
    ])  # fmt: skip
    assert resolve({"answers": {"GRO\u0308SSE": "x"}}, ACCOUNT, event).answers == {1: ("x",)}
    with pytest.raises(DocumentRefused) as error:
        resolve({"answers": {"gr\u00f6\u00dfe": "x", "GRO\u0308SSE": "y"}}, ACCOUNT, event)
    assert [p.field for p in error.value.problems] == ["answers.GRO\u0308SSE"]


def test_I2_A4_a_second_name_for_one_session_is_refused_with_both() -> None:
    found = problem(sessions=[{"code": "KEYNOTE"}, {"code": "the KEYNOTE"}])
    assert (found.field, found.value) == ("sessions[1]", "the KEYNOTE")
    assert "“KEYNOTE”" in found.reason


@given(st.text("aé\u0301\u0316\u0308 \U0001d160ß", max_size=80))
def test_A4_text_is_composed_as_nfc_does_it_but_for_endless_accents(text):
    runs = max((len(run) for run in text.replace("a", " ").replace("é", " ").replace("ß", " ").split()), default=0)
    if runs <= name_index.MOST_MARKS:
        assert name_index.composed(text) == unicodedata.normalize("NFC", text)
    assert name_index.composed(name_index.composed(text)) == name_index.composed(text)


def test_I2_A4_a_name_too_long_for_any_field_is_not_known() -> None:
    long = "a" * (name_index.MAX_NAME + 1)
    assert problem(answers={long: 1}).reason == "there is no such question here."
    assert problem(status=long).field == "status"
    with pytest.raises(DocumentRefused):
        address({"event": "E", "code": long})


# --- JSON


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"code": 1, "event": 2, "code": 3}', "code"),
        (b'{"code" : 1, "code" : 3}', "code"),
        (b'{"code":1,"c\\u006fde":3}', "code"),
        (b'{"answers": {"a": 1, "b": 2, "a": 1}}', "a"),
        (b'{"profile": {"custom": {"b": 1, "b": 1}}}', "b"),
        (b'{"sessions": [{"code": "x", "code": "y"}]}', "code"),
        (b'{"answers": {"a": 1}, "answers": {"b": 1}}', "answers"),
    ],
)
def test_I2_A4_a_name_that_is_there_twice_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(DocumentRefused) as error:
        read_document(data)
    (found,) = error.value.problems
    assert found.field == field
    assert "twice" in found.reason


def levels(value: object) -> int:
    """The nesting depth of lists and objects."""
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(levels, value.values() if isinstance(value, dict) else value), default=0)


document_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")) | st.sampled_from(['":', '\\":"', ',{[', '\\\\"']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(["a", '":', "b\\"]), document_json, max_size=3),
    st.sampled_from([None, (",", ":"), (" , ", " : ")]),
    st.booleans(),
)
def test_I2_what_json_says_once_is_read_as_it_is(document, separators, ascii):
    if levels(document) <= json_documents.DEEPEST:
        assert read_document(json.dumps(document, separators=separators, ensure_ascii=ascii).encode()) == document


@given(st.lists(st.sampled_from(['"', "\\", ",", "{", "[", "a", "0"]), max_size=30).map("".join), st.integers(-3, 3))
def test_I2_A4_values_are_counted_outside_of_texts(text, over):
    """Whatever a text contains: exactly the limit is accepted, one more is not."""
    count = json_documents.MOST_VALUES - 2 + over  # the object and the list themselves
    data = json.dumps({"a" + text: [text + ',{["' * 700] + [0] * (count - 1)}).encode()
    if over <= 1:
        assert len(read_document(data)["a" + text]) == count
    else:
        with pytest.raises(DocumentRefused) as error:
            read_document(data)
        assert f"{json_documents.MOST_VALUES:,}" in error.value.problems[0].reason


def test_I2_A4_a_number_of_thousands_of_digits_is_refused_but_not_a_text_of_them() -> None:
    digits = "9" * 500
    assert read_document(json.dumps({"a": [digits] * 200}).encode()) == {"a": [digits] * 200}
    with pytest.raises(DocumentRefused) as error:
        read_document(b'{"a": [' + b", ".join([digits.encode()] * 200) + b"]}")
    assert f"{json_documents.MOST_DIGITS}" in error.value.problems[0].reason
