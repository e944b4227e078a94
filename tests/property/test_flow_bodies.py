"""Versions of a flow: the body contains everything (F10)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.builders.strategies import NOW, flows, states

from heliograph.domain.flow.flow import Flow
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.snapshot import event_body, event_state
from heliograph.recording.contents import read_state, write_state


@given(flows(7))
def test_F10_a_flows_body_reads_back_as_the_flow(flow):
    body = json.loads(json.dumps(flow.to_body()))
    assert Flow.from_body(flow.id, flow.number, body) == flow


@given(flows(7))
def test_F10_a_body_of_an_older_release_may_lack_what_is_new(flow):
    body = {key: value for key, value in flow.to_body().items() if key not in ("emptied", "filters", "destinations")}
    assert Flow.from_body(flow.id, flow.number, body).watch == flow.watch


@given(
    st.builds(
        EventState,
        code=st.just("E"),
        name=st.text(max_size=5),
        status=st.integers(1, 9),
        start=st.sampled_from((None, NOW)),
        end=st.sampled_from((None, NOW)),
        location=st.text(max_size=5),
        custom=st.dictionaries(st.integers(1, 9), st.lists(st.text(max_size=3), min_size=1, max_size=2).map(tuple)),
        tags=st.lists(st.integers(1, 9), unique=True).map(tuple),
    )
)
def test_P2_an_events_body_reads_back_as_its_state(state):
    assert event_state(json.loads(json.dumps(event_body(state)))) == state


@given(states())
def test_P10_a_stored_state_reads_back(state):
    assert read_state(write_state(state)) == state
