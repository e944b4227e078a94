"""What a flow is missing (F2, P12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.completeness import FlowLack, Missing, is_complete, missing
from heliograph.domain.flow.flow import OFFERED, REQUIRED, Destination, FilterRow, Flow, Op, Watch
from heliograph.domain.flow.request_lacks import RequestLack, request_lacks
from heliograph.domain.flow.stop_causes import stop_of, stop_sentence
from heliograph.domain.snapshot import HistoryEntry, compile_account

LISTS = {"statuses": (1,), "properties": (-1,), "session_statuses": (2,), "event_statuses": (3,)}


def mapping(subject: str, kind: str = "payload") -> dict[str, object]:
    source = "event.code" if subject == "event" else "registration.code"
    return {"name": "m", "kind": kind, "subject": subject, "rows": [{"target": "e", "parts": [{"source": source}]}]}


ACCOUNT = compile_account(7, 1, [
    HistoryEntry("mapping", 1, 1, mapping("registration")), HistoryEntry("mapping", 2, 1, mapping("session")), HistoryEntry("mapping", 3, 1, mapping("event")),
    HistoryEntry("mapping", 4, 1, mapping("registration", "header")),
    HistoryEntry("connection", 1, 1, {"name": "CRM", "auth": "Open / No Auth", "origin": "https://crm.example.org", "secrets": ["path"]}),
    HistoryEntry("connection", 2, 1, {"name": "Half", "auth": "Basic Authentication", "origin": "https://crm.example.org", "secrets": ["path"]}),
    HistoryEntry("connection", 3, 1, {
        "name": "Signed in", "auth": "OAuth2", "grant": "Authorization Code", "origin": "https://crm.example.org", "client_id": "c",
        "authorization_url": "https://id.example.org/a", "access_token_url": "https://id.example.org/t", "secrets": ["path", "client_secret"],
    }),
])  # fmt: skip
FITTING = {Watch.REGISTRATION: (1,), Watch.STATUS: (1,), Watch.SESSION_STATUS: (1, 2), Watch.EVENT: (3,)}


def flow(watch: Watch | None = Watch.STATUS, **changes) -> Flow:
    lists = {name: tags for name, tags in LISTS.items() if watch is None or name in OFFERED[watch]}
    mapping = FITTING[watch][0] if watch else 1
    whole = Flow(1, 1, "F", watch=watch, **lists, destinations=(Destination(5, "CRM", connection=1, payload_mapping=mapping),))
    return replace(whole, **changes)


def test_F2_a_new_flow_is_active_test_and_incomplete():
    new = Flow(1)
    assert new.active
    assert new.mode.value == "Test"
    assert [m.lack for m in missing(new, ACCOUNT)] == [FlowLack.NAME, FlowLack.WATCH, FlowLack.DESTINATION]


@pytest.mark.parametrize("watch", Watch)
def test_F2_complete(watch):
    assert missing(flow(watch), ACCOUNT) == ()
    assert is_complete(flow(watch), ACCOUNT)


@pytest.mark.parametrize("watch", Watch)
@pytest.mark.parametrize("name", LISTS)
def test_F4_the_required_list_of_a_watch(watch, name):
    empty = flow(watch, **{name: ()})
    assert missing(empty, ACCOUNT) == ((Missing(FlowLack.LIST, name),) if name in REQUIRED[watch] else ())


def test_F4_create_update_requires_no_list():
    assert is_complete(flow(Watch.REGISTRATION, statuses=(), properties=()), ACCOUNT)


@pytest.mark.parametrize("watch", Watch)
def test_P12_a_list_that_lost_its_last_tag_makes_the_flow_incomplete(watch):
    """A deletion never widens a rule, even if the list is optional."""
    for name in OFFERED[watch]:
        emptied = flow(watch, emptied=(name,), **{name: ()})
        assert missing(emptied, ACCOUNT) == (Missing(FlowLack.LIST, name),)


@pytest.mark.parametrize("values", [(), ("",), (" ", "")])
def test_F2_a_filter_row_without_values_is_incomplete(values):
    rows = (FilterRow("event.code", Op.IS_EMPTY), FilterRow("event.code", Op.IS_ANY_OF, values))
    assert missing(flow(filters=rows), ACCOUNT) == (Missing(FlowLack.FILTER_VALUES, "1"),)


@pytest.mark.parametrize(
    ("change", "lack"),
    [
        ({"name": " "}, FlowLack.DESTINATION_NAME),
        ({"connection": None}, FlowLack.CONNECTION),
        ({"connection": 9}, FlowLack.CONNECTION),  # deleted
        ({"connection": 2}, FlowLack.CONNECTION),  # without its password
        ({"action": ""}, FlowLack.ACTION),
        ({"payload_mapping": None}, FlowLack.PAYLOAD_MAPPING),
        ({"payload_mapping": 9}, FlowLack.PAYLOAD_MAPPING),
        ({"payload_mapping": 4}, FlowLack.FITTING_MAPPING),  # a header mapping
        ({"payload_mapping": 3}, FlowLack.FITTING_MAPPING),  # for events
        ({"header_mapping": 9}, FlowLack.HEADER_MAPPING),
        ({"header_mapping": 1}, FlowLack.HEADER_MAPPING),
    ],
)  # fmt: skip
def test_F2_every_destination_is_complete(change, lack):
    whole = flow()
    broken = replace(whole.destinations[0], id=6, **change)
    assert missing(replace(whole, destinations=(whole.destinations[0], broken)), ACCOUNT) == (Missing(lack, "6"),)


def test_M1_a_flow_takes_only_fitting_mappings():
    for watch in Watch:
        for id in (1, 2, 3):
            whole = flow(watch)
            other = replace(whole, destinations=(replace(whole.destinations[0], payload_mapping=id),))
            assert is_complete(other, ACCOUNT) == (id in FITTING[watch])


def test_F2_only_active_and_complete_flows_are_asked():
    entries = [HistoryEntry("mapping", 1, 1, mapping("registration")), HistoryEntry("connection", 1, 1, {"name": "C", "auth": "Open / No Auth", "origin": "https://a.example.org", "secrets": ["path"]})]  # fmt: skip
    bodies = {1: flow(), 2: flow(active=False), 3: flow(name=""), 4: flow()}
    account = compile_account(7, 1, [*entries, *(HistoryEntry("flow", id, 1, f.to_body()) for id, f in reversed(bodies.items()))])
    assert {f.id for flows in account.by_facet.values() for f in flows} == {1, 4}
    assert [f.id for facet, flows in account.by_facet.items() if facet in Watch.STATUS.facets for f in flows] == [1, 4]


@pytest.mark.parametrize(
    ("changes", "lack", "cause"),
    [
        ({}, None, None),
        ({"connection": None}, RequestLack.CONNECTION, Cause.CONNECTION_GONE),
        ({"connection": 99}, RequestLack.CONNECTION, Cause.CONNECTION_GONE),
        ({"connection": 2}, RequestLack.CONNECTION_SETTINGS, Cause.CONNECTION_GONE),
        ({"connection": 3}, RequestLack.SIGN_IN, Cause.CONNECTION_GONE),
        ({"payload_mapping": None}, RequestLack.PAYLOAD_MAPPING, Cause.MAPPING_GONE),
        ({"payload_mapping": 99}, RequestLack.PAYLOAD_MAPPING, Cause.MAPPING_GONE),
        ({"header_mapping": 99}, RequestLack.HEADER_MAPPING, Cause.MAPPING_GONE),
    ],
)
def test_D7_the_worker_stops_at_what_a_preview_lacks_in_its_words(changes, lack, cause):
    destination = replace(flow().destinations[0], **changes)
    edited = flow(destinations=(destination,))
    config = replace(ACCOUNT, flows={1: edited})
    assert request_lacks(destination, config) == ([lack] if lack else [])
    assert stop_of(config, 1, destination.id, edited.mode) is cause
    assert is_complete(edited, config) == (lack is None)
    if cause is not None:
        assert stop_sentence(cause, config, edited, edited.mode, destination) == lack
