"""The rule of a flow as a sentence (F1, F4, F5, F9)."""

from __future__ import annotations

import pytest

from heliograph.domain.flow.flow import Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.flow.sentence import ConnectionTrouble, PartState, SentenceGate, SentenceNames, SentencePart, marked, parts, plain

NAMES = SentenceNames(
    tags={1: "Registered", 2: "Attended", 3: "Speaker", -1: "Complete"},
    fields={
        "event.code": "Event Code",
        "profile.country": "Country",
        "profile.custom.7": "Country",
        "event.start": "Event Start",
        "answer.3": "Shoe size (answer)",
    },
    connections={5: "Sales CRM", 6: "Lobby display"},
    mappings={8: "Lead mapping", 9: "Welcome card"},
)
CRM = Destination(1, connection=5, payload_mapping=8)
LOBBY = Destination(2, connection=6, payload_mapping=9)


def said(names: SentenceNames = NAMES, **flow) -> str:
    return plain(parts(Flow(id=1, **{"destinations": (CRM,), **flow}), names))


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        ({}, "Test: when [choose what to watch], send Lead mapping to Sales CRM."),
        ({"watch": Watch.REGISTRATION}, "Test: when any registration is created or updated, send Lead mapping to Sales CRM."),
        (
            {"watch": Watch.REGISTRATION, "statuses": (1, 2)},
            "Test: when a registration is created or updated, and its status is Registered or Attended, send Lead mapping to Sales CRM.",
        ),
        (
            {"watch": Watch.REGISTRATION, "properties": (-1,)},
            "Test: when a registration is created or updated, and property Complete is set, send Lead mapping to Sales CRM.",
        ),
        (
            {"watch": Watch.STATUS, "mode": Mode.LIVE, "statuses": (2,)},
            "Live: when a status becomes Attended, send Lead mapping to Sales CRM.",
        ),
        ({"watch": Watch.STATUS}, "Test: when a status becomes [choose statuses], send Lead mapping to Sales CRM."),
        ({"watch": Watch.STATUS, "statuses": (1,)}, "Test: when a status becomes Registered, send Lead mapping to Sales CRM."),
        (
            {"watch": Watch.SESSION_STATUS, "session_statuses": (2,), "statuses": (1,)},
            "Test: when a session status becomes Attended, and registration status is Registered, send Lead mapping to Sales CRM.",
        ),
        (
            {"watch": Watch.EVENT, "event_statuses": (2,), "properties": (-1,)},
            "Test: when an event is created or updated, and its status is Attended, send Lead mapping to Sales CRM.",
        ),
    ],
)
def test_F4_each_watch_has_its_sentence(flow: dict, sentence: str) -> None:
    assert said(**flow) == sentence


@pytest.mark.parametrize(
    ("watch", "sentence"),
    [
        (None, "When [choose what to watch], send Lead mapping to Sales CRM."),
        (Watch.REGISTRATION, "When any registration is created or updated, send Lead mapping to Sales CRM."),
        (Watch.STATUS, "When a status becomes Registered, send Lead mapping to Sales CRM."),
    ],
)
def test_F1_where_a_page_says_live_or_test_elsewhere_the_sentence_leaves_it_out(watch: Watch | None, sentence: str) -> None:
    statuses = (1,) if watch is Watch.STATUS else ()
    assert plain(parts(Flow(id=1, watch=watch, statuses=statuses, destinations=(CRM,)), NAMES, mode=False)) == sentence


def test_P12_a_list_that_lost_its_last_tag_is_said_to_be_missing() -> None:
    assert said(watch=Watch.REGISTRATION, emptied=("properties",)) == (
        "Test: when a registration is created or updated, and property [choose properties] is set, send Lead mapping to Sales CRM."
    )


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (FilterRow("event.code", Op.IS_ANY_OF, ("A", "B")), ", and Event Code is A or B"),
        (FilterRow("profile.country", Op.IS_NONE_OF, ("Austria",)), ", and Country is not Austria"),
        (FilterRow("event.code", Op.IS_NONE_OF, ("WEBINAR-11",)), ", except for WEBINAR-11"),
        (FilterRow("profile.country", Op.CONTAINS, ("land",)), ", and Country contains land"),
        (FilterRow("profile.country", Op.STARTS_WITH, ("A",)), ", and Country starts with A"),
        (FilterRow("event.start", Op.IS_BETWEEN, ("2027-01-01", "2027-01-31")), ", and Event Start is between 2027-01-01 and 2027-01-31"),
        (FilterRow("event.start", Op.IS_BETWEEN, ("2027-01-01",)), ", and Event Start is between [choose values]"),
        (FilterRow("answer.3", Op.IS_AT_LEAST, ("3",)), ", and Shoe size (answer) is at least 3"),
        (FilterRow("profile.country", Op.IS_EMPTY), ", and Country is empty"),
        (FilterRow("profile.country", Op.IS_NOT_EMPTY), ", and Country is not empty"),
        (FilterRow("attendee_type.tags", Op.IS_ANY_OF, ("3",)), ", and attendee type tag is Speaker"),
        (FilterRow("event.tags", Op.IS_ANY_OF, ("4", "x")), ", and event tag is (4) or (x)"),
        (FilterRow("event.code", Op.IS_ANY_OF), ", and Event Code is [choose values]"),
        (FilterRow("profile.custom.99", Op.IS_ANY_OF, ("S",)), ", and (profile.custom.99) is S"),
    ],
)
def test_F6_filters_are_part_of_the_sentence(row: FilterRow, sentence: str) -> None:
    assert (
        said(watch=Watch.REGISTRATION, filters=(row,))
        == f"Test: when any registration is created or updated{sentence}, send Lead mapping to Sales CRM."
    )


def test_F8_every_destination_is_named() -> None:
    flow = {"watch": Watch.STATUS, "statuses": (1,)}
    assert said(**flow, destinations=()).endswith(", send [choose a mapping] to [choose a connection].")
    assert said(**flow, destinations=(CRM, LOBBY)).endswith(", send Lead mapping to Sales CRM and Welcome card to Lobby display.")
    three = (CRM, LOBBY, Destination(3, connection=77, payload_mapping=77))
    assert said(**flow, destinations=three).endswith(
        "Sales CRM, Welcome card to Lobby display and [choose a mapping] to [choose a connection]."
    )


def test_F1_a_connections_trouble_stands_in_the_sentence() -> None:
    names = SentenceNames(
        connections=NAMES.connections, mappings=NAMES.mappings, troubles={5: ConnectionTrouble(PartState.FAILED, "refused, 401")}
    )
    chip = parts(Flow(id=1, destinations=(CRM,)), names)[-1]
    assert chip == SentencePart("Sales CRM: refused, 401", chip=True, state=PartState.FAILED, gate=SentenceGate.DESTINATION, place="1")
    spaced = {"%(name)s: %(state)s": "%(name)s\u00a0: %(state)s"}  # as in French
    assert parts(Flow(id=1, destinations=(CRM,)), names, lambda text: spaced.get(text, text))[-1].text == "Sales CRM\u00a0: refused, 401"


def test_F5_chips_say_what_they_stand_for() -> None:
    chips = [part for part in parts(Flow(id=1, watch=Watch.STATUS, statuses=(1, 2), destinations=(CRM,)), NAMES) if part.chip]
    assert [(chip.text, chip.gate, chip.place) for chip in chips] == [
        ("Test", "mode", ""),
        ("Registered", "activation", "statuses"),
        ("Attended", "activation", "statuses"),
        ("Lead mapping", "destination", "1"),
        ("Sales CRM", "destination", "1"),
    ]


def test_F9_chips_show_how_far_a_change_came() -> None:
    flow = Flow(
        id=1,
        watch=Watch.STATUS,
        statuses=(1,),
        filters=(FilterRow("event.code", Op.IS_ANY_OF, ("A",)), FilterRow("profile.country", Op.IS_ANY_OF, ("B",))),
        destinations=(CRM,),
    )
    found = parts(flow, NAMES)

    def states(gate: SentenceGate | None, **said: PartState) -> str:
        answers = {(gate, of): state for of, state in said.items()} if gate else {}
        return " ".join(part.state for part in marked(found, gate, answers) if part.chip)

    stopped, waits, passed = PartState.STOPPED, PartState.WAITS, PartState.PASSED
    assert states(SentenceGate.MODE, **{"": stopped}) == "stopped unread unread unread unread unread"
    assert states(SentenceGate.FILTERS, **{"0": passed, "1": stopped}) == "passed unread passed stopped unread unread"
    assert states(SentenceGate.FILTERS, **{"0": stopped}) == "passed unread stopped unread unread unread"
    assert states(SentenceGate.ACTIVATION, statuses=stopped) == "passed stopped passed passed unread unread"
    assert states(SentenceGate.ACTIVATION, statuses=waits) == "passed wait passed passed unread unread"
    assert states(None) == "passed passed passed passed passed passed"


def test_F5_a_translation_may_put_the_words_in_another_order() -> None:
    german = {
        "{mode}: when a status becomes {tags}": "{mode}: sobald ein Status {tags} wird",
        " or ": " oder ",
        ", send {mapping} to {connection}": ", geht an {connection} {mapping}",
    }
    flow = Flow(id=1, watch=Watch.STATUS, statuses=(1, 2), destinations=(CRM,))
    assert (
        plain(parts(flow, NAMES, lambda text: german.get(text, text)))
        == "Test: sobald ein Status Registered oder Attended wird, geht an Sales CRM Lead mapping."
    )
