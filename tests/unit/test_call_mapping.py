"""Documents of a received call: paths, entries, pieces, value maps, what is empty, times, sessions, and what is wrong with a call (S2)."""

from __future__ import annotations

import pytest
from tests.builders.call_mapping import ORDER, call_row, order_mapping

from heliograph.domain.mapping.row import FixedText, MappingError, Otherwise, SourceValue, ValueMap
from heliograph.domain.source.call_documents import CallProblem, documents_of, seen_values
from heliograph.domain.source.call_mapping import CallMapping, CallRow, Clock, Piece, WhenEmpty
from heliograph.domain.source.json_fields import LineKind, lines_of, list_paths


def test_S2_each_ticket_of_an_order_is_a_registration_and_fields_outside_count_for_both() -> None:
    mapped = documents_of(order_mapping(), ORDER)
    assert mapped.problems == []
    assert mapped.documents == [
        {
            "event": "FORUM-26",
            "code": "F-3318-90117",
            "modified": "2026-10-14T12:11:38+00:00",
            "status": "Registered",
            "properties": {"Test": False},
            "profile": {"first_name": "Mira", "last_name": "Okafor", "email": "mira.okafor@example.org", "organization": "Northlight"},
            "answers": {"dietary": ["Vegan", "Nut-free"], "consent": ["Yes"]},
            "sessions": [{"code": "WS-2"}],
        },
        {
            "event": "FORUM-26",
            "code": "F-3318-90118",
            "modified": "2026-10-14T12:11:38+00:00",
            "status": "Registered",
            "properties": {"Test": False},
            "profile": {"first_name": "Jonas", "last_name": "Weber", "email": None, "organization": "Northlight"},
        },
    ]


def one(value: object, *rows: CallRow) -> dict[str, object]:
    """The one document of a call whose event and code are typed."""
    typed = (call_row("event", FixedText("E")), call_row("code", FixedText("C")))
    mapped = documents_of(CallMapping(rows=(*typed, *rows)), value)
    assert mapped.problems == []
    (document,) = mapped.documents
    assert (document.pop("event"), document.pop("code")) == ("E", "C")
    return document


def problem(value: object, *rows: CallRow) -> CallProblem:
    typed = (call_row("event", FixedText("E")), call_row("code", FixedText("C")))
    mapped = documents_of(CallMapping(rows=(*typed, *rows)), value)
    (first,) = mapped.problems
    assert mapped.documents == []
    return first


@pytest.mark.parametrize(
    ("piece", "expected"),
    [(None, "Mira van Okafor"), (Piece.FIRST_WORD, "Mira"), (Piece.OTHER_WORDS, "van Okafor")],
)
def test_S2_a_piece_of_a_name_is_taken(piece: Piece | None, expected: str) -> None:
    assert one({"name": "Mira van Okafor"}, call_row("profile.last_name", "name", piece=piece)) == {"profile": {"last_name": expected}}


def test_S2_a_text_is_split_at_commas_before_its_values_are_mapped() -> None:
    value_map = ValueMap((("vegan", "Vegan"), ("nuts", "Nut-free")), Otherwise.ERROR)
    row = call_row("answers.dietary", SourceValue("diet", value_map), piece=Piece.COMMAS)
    assert one({"diet": "vegan, nuts,"}, row) == {"answers": {"dietary": ["Vegan", "Nut-free"]}}


@pytest.mark.parametrize(
    ("value", "when_empty", "expected"),
    [
        ({"company": None}, WhenEmpty.AS_SENT, {"profile": {"organization": None}}),
        ({"company": " "}, WhenEmpty.AS_SENT, {"profile": {"organization": None}}),
        ({}, WhenEmpty.AS_SENT, {}),
        ({"company": None}, WhenEmpty.KEEP, {}),
        ({}, WhenEmpty.CLEAR, {"profile": {"organization": None}}),
    ],
)
def test_S2_what_an_empty_value_does(value: object, when_empty: WhenEmpty, expected: dict[str, object]) -> None:
    assert one(value, call_row("profile.organization", "company", when_empty=when_empty)) == expected


def test_S2_a_text_stands_for_an_empty_value() -> None:
    assert one({"type": ""}, call_row("attendee_type", SourceValue("type", if_empty="Guest"))) == {"attendee_type": "Guest"}


@pytest.mark.parametrize(
    ("clock", "sent"),
    [
        (Clock.ISO, "2026-10-14T14:11:38+02:00"),
        (Clock.ISO_UTC, "2026-10-14 12:11:38"),
        (Clock.SECONDS, 1791979898),
        (Clock.SECONDS, " 1791979898.0 "),
        (Clock.MILLISECONDS, 1791979898000),
    ],
)
def test_S2_modified_is_read_by_its_clock(clock: Clock, sent: object) -> None:
    assert one({"at": sent}, call_row("modified", "at", clock=clock)) == {"modified": "2026-10-14T12:11:38+00:00"}


@pytest.mark.parametrize(
    ("clock", "sent"),
    [
        (Clock.ISO, "2026-10-14T12:11:38"),
        (Clock.ISO, "today"),
        (Clock.SECONDS, "soon"),
        (Clock.SECONDS, 10**17),
        (Clock.MILLISECONDS, True),
    ],
)
def test_S2_a_time_that_cannot_be_read_waits(clock: Clock, sent: object) -> None:
    first = problem({"at": sent}, call_row("modified", "at", clock=clock))
    assert (first.target, first.path, first.number) == ("modified", "at", 1)
    assert first.cure


@pytest.mark.parametrize("sent", [True, "on", "YES", 1])
def test_S2_a_flag_is_read(sent: object) -> None:
    assert one({"on": sent}, call_row("active", "on"), call_row("properties.VIP", "on")) == {"active": True, "properties": {"VIP": True}}


def test_S2_sessions_have_a_status_each_one_for_all_or_by_name() -> None:
    value = {"workshops": [{"code": "A", "state": "Registered"}, {"code": "B", "state": "Attended"}], "gala": True}
    codes, states = call_row("sessions", "workshops.code"), call_row("session_status", "workshops.state")
    gala = call_row("sessions.GALA", SourceValue("gala", ValueMap((("Yes", "Registered"),))))
    assert one(value, codes) == {"sessions": [{"code": "A"}, {"code": "B"}]}
    assert one(value, codes, states, gala) == {
        "sessions": [
            {"code": "A", "status": "Registered"},
            {"code": "B", "status": "Attended"},
            {"code": "GALA", "status": "Registered"},
        ]
    }
    one_for_all = call_row("session_status", FixedText("Attended"))
    assert one(value, codes, one_for_all) == {"sessions": [{"code": "A", "status": "Attended"}, {"code": "B", "status": "Attended"}]}
    del value["workshops"][1]["state"]  # type: ignore[index]
    value["workshops"].append({"code": "C", "state": "Attended"})  # type: ignore[attr-defined]
    assert problem(value, codes, states).reason == "has 2 values for 3 sessions."


def test_S2_a_value_that_the_map_lacks_waits_with_its_place_and_its_neighbours_go_on() -> None:
    call = {"tickets": [{"id": 1, "status": "paid"}, {"id": 2, "status": "partially_refunded"}, {"id": 3, "status": "PAID "}]}
    status = call_row("status", SourceValue("tickets.status", ValueMap((("paid", "Registered"),), Otherwise.ERROR)))
    mapping = CallMapping(each="tickets", rows=(call_row("event", FixedText("E")), call_row("code", "tickets.id"), status))
    mapped = documents_of(mapping, call)
    assert [document["code"] for document in mapped.documents] == ["1", "3"]
    (waits,) = mapped.problems
    assert (waits.target, waits.path, waits.value, waits.number) == ("status", "tickets.status", "partially_refunded", 2)
    assert (waits.reason, waits.cure) == ("is not in the value map.", "Add the value to the value map.")


@pytest.mark.parametrize(
    ("call", "codes"),
    [
        ({"type": "order.changed", "tickets": [{"id": 1}]}, ["1"]),
        ({"type": "order.test"}, []),
        ({"type": None, "tickets": [{"id": 1}]}, []),
        ({"type": "ORDER.changed ", "tickets": []}, []),
    ],
)
def test_S2_only_the_calls_that_count_are_read(call: object, codes: list[str]) -> None:
    rows = (call_row("event", FixedText("E")), call_row("code", "tickets.id"))
    mapped = documents_of(CallMapping("tickets", "type", ("order.changed",), rows), call)
    assert ([document["code"] for document in mapped.documents], mapped.problems) == (codes, [])


def test_S2_entries_that_do_not_count_are_left_out() -> None:
    rows = (call_row("event", FixedText("E")), call_row("code", "tickets.id"))
    call = {"tickets": [{"id": 1, "admission": False}, {"id": 2, "admission": True}]}
    mapped = documents_of(CallMapping("tickets", "tickets.admission", ("Yes",), rows), call)
    assert [document["code"] for document in mapped.documents] == ["2"]


def test_S2_a_list_in_the_entries_of_a_list_and_a_call_that_is_a_list() -> None:
    orders = [{"code": "A", "positions": [{"id": 1}, {"id": 2}]}, {"code": "B", "positions": [{"id": 3}]}, {"code": "C", "positions": None}]
    code = call_row("code", "code", FixedText("-"), "positions.id")
    nested = CallMapping("positions", rows=(call_row("event", FixedText("E")), code))
    assert [document["code"] for document in documents_of(nested, orders).documents] == ["A-1", "A-2", "B-3"]
    plain = CallMapping("[]", rows=(call_row("event", FixedText("E")), call_row("code", "code")))
    assert [document["code"] for document in documents_of(plain, orders).documents] == ["A", "B", "C"]


def test_S2_a_call_without_the_list_waits_and_one_with_an_empty_list_has_nothing_to_record() -> None:
    mapping = CallMapping("tickets", rows=(call_row("event", FixedText("E")), call_row("code", "tickets.id")))
    (lacks_list,) = documents_of(mapping, {"id": 7}).problems
    assert (lacks_list.path, lacks_list.number, lacks_list.reason) == ("tickets", 0, "is not in this call.")
    assert documents_of(mapping, {"tickets": []}).problems == []


def test_S2_the_first_registrations_of_a_long_call_suffice_for_its_name() -> None:
    mapping = CallMapping("tickets", rows=(call_row("event", FixedText("E")), call_row("code", "tickets.id")))
    mapped = documents_of(mapping, {"tickets": [{"id": number} for number in range(4_000)]}, first=2)
    assert ([document["code"] for document in mapped.documents], mapped.problems) == (["0", "1"], [])


def test_S2_what_is_required_is_named_if_it_is_empty_or_has_no_row() -> None:
    mapped = documents_of(CallMapping(rows=(call_row("code", "number"),)), {"number": ""})
    assert [(each.target, each.path, each.reason) for each in mapped.problems] == [
        ("event", "", "has no row."),
        ("code", "number", "is empty."),
    ]
    assert CallMapping(rows=(call_row("code", "number"),)).lacks == ("event",)


def test_S2_an_object_is_no_value() -> None:
    first = problem({"who": {"name": "Mira"}}, call_row("profile.first_name", "who"))
    assert first.reason == "is an object: choose a field in it."


@pytest.mark.parametrize(
    ("body", "row", "field"),
    [
        ({"rows": [{"target": "colour", "parts": []}]}, 1, "target"),
        ({"rows": [{"target": "profile.shoe_size", "parts": []}]}, 1, "target"),
        ({"rows": [{"target": "code", "parts": [{"source": "a..b"}]}]}, 1, "source"),
        ({"rows": [{"target": "code", "parts": []}, {"target": "code", "parts": []}]}, 2, "target"),
        ({"rows": [{"target": "code", "parts": [], "piece": "Third word"}]}, 1, "piece"),
        ({"rows": [{"target": "status", "parts": [{"source": "a", "map": [[" ", "x"]]}]}]}, 1, "value map"),
        ({"each": "a[", "rows": []}, None, "each"),
        ({"only_if": {"field": "type"}, "rows": []}, None, "only_values"),
        ({"only_if": [], "rows": []}, None, "only_if"),
        ([], None, "mapping"),
    ],
)
def test_S2_a_body_that_is_no_mapping_says_where(body: object, row: int | None, field: str) -> None:
    with pytest.raises(MappingError) as refusal:
        CallMapping.from_body(body)
    assert (refusal.value.row, refusal.value.field) == (row, field)


def test_S2_a_mapping_is_read_back_as_it_was_written() -> None:
    assert CallMapping.from_body(order_mapping().to_body()) == order_mapping()


def test_S2_the_values_of_a_field_are_counted_by_call() -> None:
    mapping = order_mapping()
    status, diet = mapping.row_of("status"), mapping.row_of("answers.dietary")
    assert status is not None
    assert diet is not None
    calls = [ORDER, {"type": "order.changed", "order": {"status": "pending", "tickets": [{}]}}, {"type": "other"}]
    assert seen_values(mapping, status, "order.status", calls) == {"paid": 1, "pending": 1}
    assert seen_values(mapping, diet, "order.tickets.diet", calls) == {"Vegan": 1, "Nut-free": 1}


def test_S2_a_sample_is_shown_as_lines_with_paths() -> None:
    lines = [(line.level, line.name, line.text, line.path, line.others) for line in lines_of(ORDER)]
    assert lines[:3] == [(0, "", "{", "", 0), (1, "type", '"order.changed"', "type", 0), (1, "order", "{", "", 0)]
    assert (5, "given", '" mira"', "order.tickets.holder.given", 0) in lines
    assert (4, "diet", '["Vegan", "Nut-free"]', "order.tickets.diet", 0) in lines
    assert (3, "", "", "", 1) in lines
    assert ("order.tickets.holder.given", '"Jonas"') in [(line.path, line.text) for line in lines_of(ORDER, {"order.tickets": 1})]
    assert list_paths(ORDER) == {"order.tickets": 2}


def test_S2_a_long_sample_is_cut() -> None:
    lines = lines_of({f"field {number}": number for number in range(10_000)})
    assert lines[-1].kind is LineKind.CUT
    assert len(lines) == 401


def test_S2_a_page_of_a_list_may_be_a_list() -> None:
    assert list_paths([{"id": 1, "lines": [{"id": 2}]}]) == {"[]": 1, "lines": 1}
    assert [line.path for line in lines_of([{"id": 1}]) if line.path] == ["id"]
