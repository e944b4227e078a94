"""The value of every source field for one change (M3, M8, M9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from heliograph.domain.mapping.mapping import EmptyPolicy, FixedText, Mapping, MappingRow, SourceValue
from heliograph.domain.mapping.mapping_renderer import Rendered, render
from heliograph.domain.registration.change import Change, Facet, RegistrationState, SessionState, SubjectKind
from heliograph.domain.registration.facts import ChangeFacts, field_name, state_before
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.fields import FieldError, FieldGroup, Subject, catalogue
from heliograph.domain.snapshot import HistoryEntry, compile_account, compile_event

ACCOUNT = compile_account(7, 1, [
    HistoryEntry("account", 7, 1, {"code": "ACME", "name": "Acme", "timezone": "America/New_York"}),
    HistoryEntry("tags", 7, 1, {"tags": [{"id": 1, "name": "food", "label": "Food", "kinds": ["question"]}]}),
    HistoryEntry("statuses", 7, 1, {
        "registration": [{"id": 1, "code": "NEW", "name": "New", "class": "Accepted"}],
        "session": [{"id": 11, "code": "REGISTERED", "name": "Registered"}],
        "event": [{"id": 21, "code": "LIVE", "name": "Live"}],
    }),
    HistoryEntry("fields", 7, 1, {
        "profile": [{"id": 31, "code": "shirt", "label": "Shirt", "type": "select", "options": ["S", "M"]}, {"id": 32, "code": "likes", "label": "Likes", "type": "multi-select", "options": ["Tea", "Mate"]}],
        "event": [{"id": 33, "code": "region", "label": "Region", "type": "text"}],
    }),
])  # fmt: skip
EVENT = compile_event(3, 7, 1, [
    HistoryEntry("event", 3, 1, {"code": "SUMMIT", "name": "Summit", "status": 21, "timezone": "Europe/Berlin", "start": "2026-07-01T08:00:00+00:00", "location": "Berlin", "custom": {"33": ["North"]}}),
    HistoryEntry("setup", 3, 1, {
        "statuses": [{"id": 5, "code": "VIP", "name": "On the list", "class": "Pending"}],
        "types": [{"id": 41, "code": "SPK", "name": "Speaker"}],
        "questions": [
            {"id": 52, "code": "b", "label": "Diet", "type": "multi-select", "options": ["Vegan", "No nuts"], "tag": 1},
            {"id": 51, "code": "a", "label": "Allergies", "type": "text", "tag": 1},
            {"id": 53, "code": "c", "label": "Consent", "type": "checkbox", "tag": 2},
            {"id": 54, "code": "d", "label": "Other", "type": "text", "tag": None},
        ],
        "properties": [{"id": 61, "code": "VIP", "name": "VIP guest", "tags": [8]}, {"id": 62, "code": "P", "name": "Press", "tags": [8]}],
        "sessions": [{"id": 71, "code": "KEYNOTE", "name": "The keynote", "start": "2026-07-01T09:00:00+00:00"}],
    }),
])  # fmt: skip
CREATED, MODIFIED, NOW = (datetime(2026, 3, day, 23, 30, tzinfo=UTC) for day in (1, 2, 3))
STATE = RegistrationState(
    code="R1", status=5, created=CREATED, modified=MODIFIED, status_modified=MODIFIED, attendee_type=41, order_code="O-1",
    profile={"first_name": "Zoë", "email": "new@example.org"}, custom={31: ("M",), 32: ("Tea", "Mate")},
    answers={51: ("Nuts",), 52: ("Vegan", "No nuts"), 53: ("Yes",)}, properties=(-1, 62),
)  # fmt: skip
CHANGE = Change(
    42, SubjectKind.REGISTRATION, 9, 3, Facet.UPDATED | Facet.STATUS_CHANGED, MODIFIED, "test", registration=STATE,
    before={"status": 1, "attendee_type": None, "profile.email": "old@example.org", "custom.31": (), "answer.51": (), "property.-1": False},
)  # fmt: skip
EVENT_CHANGE = Change(
    43, SubjectKind.EVENT, 3, 2, Facet.EVENT_UPDATED, MODIFIED, "test", event_state=EventState("NEW-CODE", "Renamed", 21, timezone="UTC"), before={"name": "Summit", "custom.33": ("North",)}
)  # fmt: skip


def value(source: str, change: Change = CHANGE):
    return ChangeFacts(change, ACCOUNT, EVENT, flow_name="To the CRM", now=NOW).value(source)


def session_change(before: dict[str, object]) -> Change:
    return replace(
        CHANGE, kind=SubjectKind.SESSION_REGISTRATION, facets=Facet.SESSION_STATUS_CHANGED, session=SessionState(71, 11), before=before
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("profile.first_name", "Zoë"),
        ("profile.city", None),
        ("profile.custom.31", "M"),
        ("profile.custom.32", ("Tea", "Mate")),
        ("profile.custom.99", None),
        ("registration.code", "R1"),
        ("registration.status", "On the list"),
        ("registration.status_class", "Pending"),
        ("registration.attendee_type", "Speaker"),
        ("registration.active", True),
        ("registration.test", False),
        ("registration.order_code", "O-1"),
        ("registration.created", CREATED),
        ("account.code", "ACME"),
        ("account.timezone", "America/New_York"),
        ("event.code", "SUMMIT"),
        ("event.status", "Live"),
        ("event.location", "Berlin"),
        ("event.end", None),
        ("event.custom.33", "North"),
        ("session.code", None),
        ("flow.name", "To the CRM"),
        ("macro.change_id", 42),
        ("macro.change_type", "updated, status_changed"),
        ("macro.previous_status", "New"),
        ("property.-1", True),
        ("property.-5", False),
        ("property.8", True),
        ("property.99", False),
        ("question.1", "Diet; Allergies"),
        ("answer.2", True),
        ("answer.99", None),
    ],
)
def test_M3_values_of_a_registration(source, expected):
    assert value(source) == expected


def test_M8_a_question_without_an_answer_is_not_sent_with_its_name():
    one = replace(CHANGE, registration=replace(STATE, answers={51: ("Nuts",)}))
    assert value("question.1", one) == "Allergies"
    nothing = replace(CHANGE, registration=replace(STATE, answers={}))
    assert value("question.1", nothing) is None
    assert value("question.1", EVENT_CHANGE) is None
    row = MappingRow("QA", (SourceValue("question.1"), FixedText(": "), SourceValue("answer.1")))
    mapping = Mapping("m", empty=EmptyPolicy.LEAVE_OUT, rows=(row,))
    for change, expected in ((one, {"QA": "Allergies: Nuts"}), (nothing, {})):
        rendered = render(mapping, ChangeFacts(change, ACCOUNT, EVENT, now=NOW), timezone=UTC)
        assert isinstance(rendered, Rendered)
        assert rendered.tree() == expected


def test_M8_answers_of_two_questions_with_one_tag_in_question_order():
    assert value("answer.1") == "Vegan, No nuts; Nuts"
    one = replace(CHANGE, registration=replace(STATE, answers={52: ("Vegan", "No nuts")}))
    assert value("answer.1", one) == ("Vegan", "No nuts")
    assert value("answer.1", replace(CHANGE, registration=replace(STATE, answers={}))) is None


def test_M9_times_of_the_event_are_in_its_timezone():
    assert value("event.start").isoformat() == "2026-07-01T10:00:00+02:00"
    assert value("macro.current_datetime").isoformat() == "2026-03-04T00:30:00+01:00"
    assert value("macro.current_date") == date(2026, 3, 4)


def test_M9_the_timezone_is_that_of_the_change():
    facts = ChangeFacts(EVENT_CHANGE, ACCOUNT, EVENT, now=NOW)
    assert facts.timezone == "UTC"
    assert facts.value("event.code") == "NEW-CODE"
    assert facts.value("macro.changed_fields") == ("Event Name", "Region")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("previous.profile.email", "old@example.org"),
        ("previous.profile.first_name", "Zoë"),
        ("previous.registration.status", "New"),
        ("previous.registration.attendee_type", None),
        ("previous.profile.custom.31", None),
        ("previous.answer.1", ("Vegan", "No nuts")),
    ],
)
def test_M3_previous_values(source, expected):
    assert value(source) == expected


def test_M3_nothing_was_before_a_creation():
    created = replace(CHANGE, facets=Facet.CREATED | Facet.STATUS_CHANGED, before={})
    assert value("previous.profile.email", created) is None
    assert value("macro.previous_status", created) is None


@pytest.mark.parametrize("before", [{}, {"session_status": 12}])
def test_M3_a_sessions_change_has_its_registrations_values(before):
    change = session_change(before)
    assert value("session.code", change) == "KEYNOTE"
    assert value("session.status", change) == "Registered"
    assert value("session.start", change).isoformat() == "2026-07-01T09:00:00+00:00"
    assert value("previous.profile.email", change) == "new@example.org"
    assert value("macro.previous_status", change) == "On the list"
    assert state_before(change) == STATE


def test_M3_changed_fields_by_their_names():
    assert value("macro.changed_fields") == ("Registration Status", "Attendee Type", "E-mail", "Shirt", "Allergies", "Complete")


def test_M3_an_event_has_no_registration():
    for source in ("profile.email", "profile.custom.31", "registration.code", "answer.1", "property.-1", "session.code"):
        assert value(source, EVENT_CHANGE) is None


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("change", [CHANGE, EVENT_CHANGE, session_change({"session_status": 12}), session_change({})])
def test_M3_every_offered_field_has_a_value_or_is_empty(subject, change):
    fields = catalogue(
        subject, profile_fields=ACCOUNT.profile_fields.values(), event_fields=ACCOUNT.event_fields.values(),
        question_tags=[ACCOUNT.tags[1]], property_tags=[ACCOUNT.tags[1]],
    )  # fmt: skip
    assert FieldGroup.EVENT in fields
    for group in fields.values():
        for source in group:
            value(source.key, change)


@pytest.mark.parametrize(
    "source", ["", "profile", "profile.nope", "answer.x", "macro.x", "event.custom.", "previous.event.code", "x" * 200]
)
def test_M3_what_is_no_field_is_an_error(source):
    with pytest.raises(FieldError):
        value(source)


def test_M3_names_of_fields_that_are_gone():
    assert field_name("custom.999", ACCOUNT, EVENT) == "999"
    assert field_name("property.999", ACCOUNT, EVENT) == "999"
    assert field_name("session_status", ACCOUNT, EVENT) == "Session status"
