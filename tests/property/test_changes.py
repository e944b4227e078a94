"""What an upsert changes, compared with a naive oracle over flat fields (P8-P10, I2)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.builders.strategies import NOW, OLD, PROPERTIES, SESSION_STATUSES, SESSIONS, STATUSES, flat, states, upserts

from heliograph.domain.registration.change import (
    KEEP,
    Change,
    Facet,
    RegistrationState,
    SubjectKind,
    Upsert,
    applied,
    event_diff,
    registration_facets,
)
from heliograph.domain.registration.facts import state_before
from heliograph.domain.registration.item_plan import LARGEST_STATE, ItemOutcome, ItemPlan, StoredRegistration, plan_item

TEST = -5


def wanted(old: dict[str, object], upsert: Upsert) -> dict[str, object]:
    """The oracle: every field that the upsert mentions has its value, every other is unchanged."""
    new = dict(old)
    for name in ("status", "attendee_type", "active", "order_code"):
        if getattr(upsert, name) is not KEEP:
            new[name] = getattr(upsert, name)
    for area, given_values in (
        ("profile", upsert.profile),
        ("custom", upsert.custom),
        ("answer", upsert.answers),
        ("property", upsert.properties),
    ):
        new |= {f"{area}.{key}": value for key, value in given_values.items()}
    return new


def saved(state: RegistrationState | None, upsert: Upsert, *, marks_test: bool = False) -> tuple[RegistrationState, dict[str, object]]:
    return applied(state, "R1", upsert, NOW, new_status=STATUSES[0], marks_test=marks_test)


@given(states(), upserts())
def test_P10_a_diff_holds_the_old_values_of_what_differs_and_nothing_else(state, upsert):
    old = flat(state)
    new = wanted(old, upsert)
    after, before = saved(state, upsert)
    assert flat(after) == new
    assert before == {name: old[name] for name in old if old[name] != new[name]}


@given(states(), upserts())
def test_P10_a_save_that_changes_nothing_is_no_change(state, upsert):
    after, before = saved(state, upsert)
    assert (after is state) == (not before)
    again, nothing = saved(after, upsert)
    assert again is after
    assert not nothing


@given(states(), upserts(), st.booleans())
def test_P8_the_times_move_with_what_they_tell_of(state, upsert, marks_test):
    after, before = saved(state, upsert, marks_test=marks_test)
    assert after.created == OLD
    assert after.modified == (NOW if before else OLD)
    assert after.status_modified == (NOW if "status" in before else OLD)


@given(states(), upserts())
def test_P10_empty_values_are_never_stored(state, upsert):
    after, _ = saved(state, upsert)
    assert all(after.profile.values())
    assert all(after.custom.values())
    assert all(after.answers.values())
    assert list(after.properties) == sorted(set(after.properties))


@given(states(), upserts())
def test_P10_after_and_old_values_give_the_state_before(state, upsert):
    after, before = saved(state, upsert)
    change = Change(1, SubjectKind.REGISTRATION, 5, 2, Facet.UPDATED, NOW, "test", registration=after, before=before)
    rebuilt = state_before(change)
    assert flat(rebuilt) == flat(state)
    assert replace(rebuilt, modified=OLD, status_modified=OLD) == state


@given(states(), upserts())
def test_P10_what_is_given_is_left_as_it_was(state, upsert):
    """States are shared between a batch's changes: nothing is changed in place."""
    old = flat(state)
    saved(state, upsert)
    assert flat(state) == old


@given(upserts())
def test_P10_a_creation_has_what_was_given_and_no_old_values(upsert):
    after, before = saved(None, upsert)
    empty = RegistrationState("R1", STATUSES[0], NOW, NOW, NOW)
    assert not before
    assert flat(after) == wanted(flat(empty), upsert)
    assert (after.created, after.modified, after.status_modified) == (NOW, NOW, NOW)
    assert all([*after.profile.values(), *after.custom.values(), *after.answers.values()])


@given(upserts())
def test_P3_saved_without_a_status_is_new(upsert):
    after, _ = saved(None, replace(upsert, status=KEEP))
    assert after.status == STATUSES[0]


@given(upserts(), st.booleans())
def test_P9_created_in_a_test_event_is_test_unless_the_sender_says_otherwise(upsert, marks_test):
    after, _ = saved(None, upsert, marks_test=marks_test)
    assert after.is_test == upsert.properties.get(TEST, marks_test)


@given(states(), upserts())
def test_P9_a_later_save_never_marks_test_by_itself(state, upsert):
    after, _ = saved(state, upsert, marks_test=True)
    assert after.is_test == upsert.properties.get(TEST, state.is_test)


@given(states(), upserts())
def test_P10_facets(state, upsert):
    _, before = saved(state, upsert)
    facets = registration_facets(created=False, before=before)
    assert facets == (Facet.UPDATED | Facet.STATUS_CHANGED if upsert.status not in (KEEP, state.status) else Facet.UPDATED)
    assert registration_facets(created=True, before={}) == Facet.CREATED | Facet.STATUS_CHANGED


def judged(*, active: bool, before: dict[str, object], quiet: bool = False) -> bool:
    state = RegistrationState("R1", 1, OLD, OLD, OLD, active=active)
    return Change(1, SubjectKind.REGISTRATION, 5, 2, Facet.UPDATED, NOW, "test", quiet=quiet, registration=state, before=before).is_judged


def test_P8_clearing_is_active_is_one_last_change_that_is_judged():
    assert judged(active=True, before={"status": 1})
    assert judged(active=False, before={"active": True})
    assert judged(active=False, before={"active": True, "status": 1})
    assert not judged(active=False, before={"status": 1})
    assert judged(active=True, before={"active": False})


def test_P9_a_quiet_change_is_judged_by_no_flow():
    assert not judged(active=True, before={"status": 1}, quiet=True)


_event = st.builds(
    dict,
    name=st.sampled_from(("A", "B")),
    status=st.sampled_from((501, 502)),
    location=st.sampled_from(("", "Berlin")),
    custom=st.dictionaries(st.sampled_from((1, 2)), st.sampled_from((("x",), ("y",), ()))),
    tags=st.sampled_from(((), (1,), (1, 2))),
)


@given(_event, _event)
def test_P10_an_events_diff_is_empty_only_where_nothing_differs(one, other):
    from heliograph.domain.setup.compiled_setup import EventState

    before, after = EventState(code="E", **one), EventState(code="E", **other)
    diff = event_diff(before, after)
    expected = {name: one[name] for name in ("name", "status", "location", "tags") if one[name] != other[name]}
    expected |= {f"custom.{id}": one["custom"].get(id, ()) for id in (1, 2) if one["custom"].get(id, ()) != other["custom"].get(id, ())}
    assert diff == expected


def test_P4_the_standard_properties_are_in_the_world():
    assert TEST in PROPERTIES


def plan(upsert: Upsert, stored: StoredRegistration, *, length: int = 100, **more: int | None) -> ItemPlan:
    """The plan of an item whose registration would be stored as a text of this length."""
    return plan_item("R1", upsert, stored, lambda _state: "x" * length, now=NOW, new_status=STATUSES[0], marks_test=False, **more)


session_statuses = st.dictionaries(st.sampled_from(SESSIONS), st.sampled_from(SESSION_STATUSES))
times = st.none() | st.integers(1, 3)


@given(st.none() | states(), upserts(), session_statuses, session_statuses, times, times, times)
def test_I2_a_plan_says_what_becomes_of_an_item(state, upsert, sessions, wished, stored_at, sent_at, expected):
    stored = StoredRegistration(
        state, "" if state is None else "text", 0 if state is None else 2, stored_at if state else None, sessions if state else {}
    )
    asked = replace(upsert, sessions=wished)
    planned = plan(asked, stored, sent_modified=sent_at, expected=expected)
    after, before = saved(state, asked)
    differing = {session: status for session, status in wished.items() if stored.sessions.get(session) != status}
    if expected not in (None, stored.version):
        assert planned == ItemPlan(ItemOutcome.CONFLICT)
    elif sent_at is not None and stored.sent_modified is not None and sent_at < stored.sent_modified:
        assert planned == ItemPlan(ItemOutcome.STALE)
    else:
        changes = (state is None or bool(before)) + len(differing)
        assert planned.outcome == (ItemOutcome.CREATED if state is None else ItemOutcome.UPDATED if changes else ItemOutcome.UNCHANGED)
        assert planned.state == after
        assert len(planned.changes) == changes
        assert {each.session.session: each.session.status for each in planned.changes if each.session} == differing
        assert [each.before for each in planned.changes if not each.session] == ([before] if state is None or before else [])


@given(st.none() | states(), upserts(), session_statuses)
def test_P10_what_a_plan_has_done_is_unchanged_the_second_time(state, upsert, wished):
    asked = replace(upsert, sessions=wished)
    done = plan(asked, StoredRegistration(state, "" if state is None else "text"))
    assert plan(asked, StoredRegistration(done.state, done.text, 1, None, wished)).outcome is ItemOutcome.UNCHANGED


@given(st.none() | states(), upserts(), session_statuses, st.integers(LARGEST_STATE - 2, LARGEST_STATE + 2))
def test_I5_a_plan_refuses_a_registration_that_would_grow_too_long(state, upsert, wished, length):
    text = "" if state is None else "text"
    planned = plan(replace(upsert, sessions=wished), StoredRegistration(state, text), length=length)
    grows = state is None or bool(saved(state, upsert)[1])
    assert (planned.outcome is ItemOutcome.REFUSED) == (planned.problem is not None) == (grows and length > LARGEST_STATE)
