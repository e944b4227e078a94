"""Small configurations, registrations and changes for property tests of the pure rules: few ids and values, so that all combinations occur."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import LISTS, Destination, FilterRow, Flow, Mode, Op, Watch
from heliograph.domain.registration.change import KEEP, Change, Facet, RegistrationState, SessionState, SubjectKind, Upsert
from heliograph.domain.setup.compiled_setup import EventConfig, EventState
from heliograph.domain.setup.statuses import EVENT_STATUSES
from heliograph.domain.snapshot import HistoryEntry, compile_account, compile_event
from tests.builders import bodies

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
OLD = NOW - timedelta(days=3)
PROFILE = ("first_name", "email", "position")
CUSTOM, QUESTIONS, PROPERTIES = (1, 2), (11, 12, 13), (-1, -5, 21, 22)
TEXTS = st.sampled_from(("a", "A ", "b", "ba", "Zoë"))
VALUES = st.lists(TEXTS, min_size=1, max_size=2).map(tuple)
STATUSES, TYPES, SESSIONS, SESSION_STATUSES = (101, 102, 103), (201, 202), (301, 302), (401, 402)
TAGS = (1, 2, 3)
EVENT_STATUS_IDS = {name: 501 + i for i, name in enumerate(EVENT_STATUSES)}


def _some(keys: tuple[Any, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=len(keys))


@st.composite
def states(draw: st.DrawFn, *, active: tuple[bool, ...] = (True, False)) -> RegistrationState:
    """Stored registrations."""
    return RegistrationState(
        code="R1",
        status=draw(st.sampled_from(STATUSES)),
        created=OLD,
        modified=OLD,
        status_modified=OLD,
        attendee_type=draw(st.sampled_from((None, *TYPES))),
        active=draw(st.sampled_from(active)),
        order_code=draw(st.sampled_from(("", "O-1", "O-2"))),
        profile=draw(_some(PROFILE, TEXTS)),
        custom=draw(_some(CUSTOM, VALUES)),
        answers=draw(_some(QUESTIONS, VALUES)),
        properties=tuple(sorted(draw(st.sets(st.sampled_from(PROPERTIES))))),
    )


@st.composite
def upserts(draw: st.DrawFn) -> Upsert:
    """A sender's document: some fields, some of them cleared."""
    return Upsert(
        status=draw(st.sampled_from((KEEP, *STATUSES))),
        attendee_type=draw(st.sampled_from((KEEP, None, *TYPES))),
        active=draw(st.sampled_from((KEEP, True, False))),
        order_code=draw(st.sampled_from((KEEP, "", "O-1", "O-2"))),
        profile=draw(_some(PROFILE, st.just("") | TEXTS)),
        custom=draw(_some(CUSTOM, st.just(()) | VALUES)),
        answers=draw(_some(QUESTIONS, st.just(()) | VALUES)),
        properties=draw(_some(PROPERTIES, st.booleans())),
    )


def flat(state: RegistrationState) -> dict[str, object]:
    """Every field of a state that a sender can set, by its name in a diff."""
    return {
        "status": state.status,
        "attendee_type": state.attendee_type,
        "active": state.active,
        "order_code": state.order_code,
        **{f"profile.{name}": state.profile.get(name, "") for name in PROFILE},
        **{f"custom.{id}": state.custom.get(id, ()) for id in CUSTOM},
        **{f"answer.{id}": state.answers.get(id, ()) for id in QUESTIONS},
        **{f"property.{id}": id in state.properties for id in PROPERTIES},
    }


# --- configuration


_tag_sets = st.sets(st.sampled_from(TAGS), max_size=2)
_FILTER_FIELDS = (
    "event.code",
    "event.status",
    "event.start",
    "event.custom.9",
    "event.tags",
    "profile.position",
    "profile.custom.1",
    "registration.order_code",
    "registration.created",
    "answer.1",
    "session.name",
    "attendee_type.tags",
)
filter_rows = st.builds(
    FilterRow,
    st.sampled_from(_FILTER_FIELDS),
    st.sampled_from(Op),
    st.lists(TEXTS | st.sampled_from(("", " ", "live", "Testing", "SUMMIT", "1", "2", "2026-03-01", "2026-02-27")), max_size=2).map(tuple),
)
flow_tags = st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple)


@st.composite
def flows(draw: st.DrawFn, id: int) -> Flow:
    """Flows of every kind, complete or not."""
    lists: Mapping[str, tuple[int, ...]] = {name: draw(flow_tags) for name in LISTS}
    return Flow(
        id=id,
        number=draw(st.integers(1, 3)),
        name=draw(st.sampled_from(("F", "F", "F", " "))),
        mode=draw(st.sampled_from(Mode)),
        active=draw(st.sampled_from((True, True, True, False))),
        watch=draw(st.sampled_from((*Watch, *Watch, None))),
        **{**lists, "properties": draw(st.lists(st.sampled_from((*TAGS, -1, -5)), max_size=2, unique=True).map(tuple))},
        filters=tuple(draw(st.lists(filter_rows, max_size=2))),
        destinations=tuple(
            Destination(id * 10 + n, "D", connection=draw(st.sampled_from((1, 1, 1, 2, None))), payload_mapping=draw(st.sampled_from((1, 1, 3))), does=draw(st.sampled_from(Does)))
            for n in range(draw(st.sampled_from((0, 1, 1, 1, 2))))
        ),
        emptied=draw(st.sampled_from(((), (), (), ("statuses",)))),
    )  # fmt: skip


@st.composite
def accounts(draw: st.DrawFn, *, count: int = 4) -> AccountConfig:
    """Accounts with tagged and untagged statuses, and flows of every kind."""

    def tagged(ids: tuple[int, ...], **more: object) -> list[dict[str, object]]:
        return [{"id": id, "code": f"C{id}", "name": f"N{id}", "tags": sorted(draw(_tag_sets)), **more} for id in ids]

    events = [{"id": id, "code": name, "name": name, "tags": sorted(draw(_tag_sets))} for name, id in EVENT_STATUS_IDS.items()]
    statuses = {"registration": tagged(STATUSES[:2], **{"class": "Accepted"}), "session": tagged(SESSION_STATUSES), "event": events}
    mapping = bodies.mapping("m", {"e": "profile.email"})
    of_event = bodies.mapping("m", {"e": "event.code"}, subject="event")
    connection = bodies.connection("C", "https://crm.example.org")
    entries = [
        HistoryEntry("account", 7, 1, {"code": "ACME", "name": "Acme", "timezone": "UTC", "signal_enabled": draw(st.sampled_from((True,) * 9 + (False,)))}),
        HistoryEntry("statuses", 7, 1, statuses),
        HistoryEntry("tags", 7, 1, {"tags": [{"id": t, "name": f"T{t}", "label": f"T{t}", "kinds": ["registration_status"]} for t in TAGS]}),
        HistoryEntry("mapping", 1, 1, mapping),
        HistoryEntry("mapping", 3, 1, of_event),
        HistoryEntry("connection", 1, 1, connection),
        *(HistoryEntry("flow", id, flow.number, flow.to_body()) for id in range(1, count + 1) for flow in [draw(flows(id))]),
    ]  # fmt: skip
    return compile_account(7, 1, draw(st.permutations(entries)))


@st.composite
def events(draw: st.DrawFn) -> EventConfig:
    """Events of any status, with tagged and untagged types and properties, and one custom status (103)."""

    def tagged(ids: tuple[int, ...], **more: object) -> list[dict[str, object]]:
        return [{"id": id, "code": f"C{id}", "name": f"N{id}", "tags": sorted(draw(_tag_sets)), **more} for id in ids]

    return compile_event(
        3,
        7,
        1,
        [
            HistoryEntry("event", 3, 1, {
                "code": "SUMMIT", "name": "Summit", "status": draw(st.sampled_from((*EVENT_STATUS_IDS.values(), 503, 503, 503))),
                "custom": draw(st.dictionaries(st.just("9"), VALUES.map(list))), "tags": sorted(draw(_tag_sets)),
            }),
            HistoryEntry("setup", 3, 1, {
                "statuses": tagged(STATUSES[2:], **{"class": "Pending"}), "types": tagged(TYPES), "properties": tagged((21, 22)),
                "questions": [{"id": q, "code": f"q{q}", "label": f"Q{q}", "type": "text", "tag": 1 if q == QUESTIONS[0] else None} for q in QUESTIONS],
                "sessions": [{"id": s, "code": f"S{s}", "name": f"S{s}"} for s in SESSIONS],
            }),
        ],
    )  # fmt: skip


FACETS = {
    SubjectKind.REGISTRATION: (Facet.CREATED | Facet.STATUS_CHANGED, Facet.UPDATED, Facet.UPDATED | Facet.STATUS_CHANGED),
    SubjectKind.SESSION_REGISTRATION: (Facet.SESSION_STATUS_CHANGED,),
    SubjectKind.EVENT: (Facet.EVENT_CREATED, Facet.EVENT_UPDATED),
}


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Recorded changes of every kind."""
    kind = draw(st.sampled_from(SubjectKind))
    facets = draw(st.sampled_from(FACETS[kind]))
    before: dict[str, object] = {}
    if Facet.STATUS_CHANGED in facets and Facet.UPDATED in facets:
        before["status"] = 101
    if Facet.UPDATED in facets and draw(st.booleans()):
        before["active"] = True
    event = EventState("SUMMIT", "Summit", draw(st.sampled_from(tuple(EVENT_STATUS_IDS.values()))), tags=tuple(sorted(draw(_tag_sets))))
    return Change(
        id=1,
        kind=kind,
        subject_id=5,
        version=2,
        facets=facets,
        at=NOW,
        by="test",
        quiet=draw(st.sampled_from((False, False, False, True))),
        registration=None if kind is SubjectKind.EVENT else draw(states(active=(True, True, True, False))),
        session=SessionState(301, draw(st.sampled_from(SESSION_STATUSES))) if kind is SubjectKind.SESSION_REGISTRATION else None,
        event_state=event if kind is SubjectKind.EVENT else None,
        before=before,
    )
