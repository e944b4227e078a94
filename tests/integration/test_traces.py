"""Traces: one from the sender's request to each outgoing request, also over a retry, and nothing without the settings (O21)."""

from __future__ import annotations

import json
import secrets

import pytest
from tests.otlp import collector
from tests.processes import Starter, free_port
from tests.receiver import Answer
from tests.served_site import serving, status_of
from tests.story import Story

from heliograph.engine.tracer import is_wanted, traceparent_of

pytestmark = pytest.mark.django_db(transaction=True)
FIXED = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def send(address: str, token: str, code: str, **headers: str) -> None:
    body = json.dumps({"event": "SUMMIT", "code": code, "status": "Attended"}).encode()
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers}
    assert status_of(f"http://{address}/ingest/registrations", body, **sent) == 201


def test_O21_one_trace_leads_from_the_door_to_the_request_and_its_retry(forgetful_story: Story, heliograph: Starter) -> None:
    story = forgetful_story
    story.adds_ada()
    story.retries(0.1, 0.1, 0.1)
    story.flow(
        "All", [story.to(story.connection("CRM", "/crm")), story.to(story.connection("Own", "/own", headers=[["Traceparent", FIXED]]))]
    )
    made = heliograph.run("createtoken", "ACME", "--name", "sender", "--json")
    token = json.loads(made.output.splitlines()[-1])["token"]
    pages, edge = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    with collector() as received:
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": received.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with serving(heliograph, HELIOGRAPH_BIND=pages, HELIOGRAPH_INGEST_BIND=edge, **traces):
            for n, door in enumerate((edge, pages)):
                trace, caller = secrets.token_hex(16), secrets.token_hex(8)
                story.receiver.answer("/crm", Answer(500), Answer(200))
                send(door, token, f"R{n}", traceparent=f"00-{trace}-{caller}-01")
                requests = story.receiver.wait_for(2 * (n + 1), path="/crm")[2 * n :]
                received.wait_for(trace, ["deliver"] * 3 + ["door", "record"])
                spans = {span.id: span for span in received.of(trace)}
                (entered,) = (span for span in spans.values() if span.name == "door")
                assert entered.parent == caller
                assert {span.parent for span in spans.values() if span is not entered} == {entered.id}
                sent = [str(request.header("traceparent")).split("-") for request in requests]
                assert [each[1] for each in sent] == [trace, trace]
                first, second = (spans[each[2]] for each in sent)
                assert (first.failed, first.attributes["http.response.status_code"]) == (True, 500)
                assert (second.failed, second.attributes["heliograph.attempt"]) == (False, 2)
            own = story.receiver.wait_for(2, path="/own")
            assert [request.header("traceparent") for request in own] == [FIXED, FIXED]
            send(edge, token, "R3")
            request = story.receiver.wait_for(5, path="/crm")[-1]
            trace = str(request.header("traceparent")).split("-")[1]
            received.wait_for(trace, ["deliver", "deliver", "door", "record"])
            assert {span.parent for span in received.of(trace) if span.name == "door"} == {""}
    assert not [span for span in received.spans if "ACME" in str(span) or "R1" in str(span)]


def test_O21_a_collector_that_is_gone_keeps_nothing_from_being_delivered(forgetful_story: Story, heliograph: Starter) -> None:
    """Nor from ending in order, as `serving` asserts."""
    story = forgetful_story
    story.adds_ada()
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with serving(heliograph, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}"):
        story.record("R1", status="Attended")
        (request,) = story.arrived("/crm", 1)
        assert request.header("traceparent")


def test_O21_without_its_settings_nothing_is_traced(story: Story) -> None:
    story.flow("All", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended")
        (request,) = story.arrived("/crm", 1)
    assert request.header("traceparent") is None


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_O21_the_standard_variables_switch_traces_on(variables: dict[str, str], wanted: bool) -> None:
    assert is_wanted(variables) is wanted


@pytest.mark.parametrize(
    "value", ["", "00", FIXED.upper(), FIXED.replace("ab", "00"), FIXED.replace("cd", "00"), f"{FIXED}-x", "ff" + FIXED[2:]]
)
def test_O21_a_traceparent_that_is_not_valid_is_none(value: str) -> None:
    assert traceparent_of([(b"traceparent", value.encode())]) == ""
    assert traceparent_of([(b"traceparent", FIXED.encode())]) == FIXED
    assert traceparent_of([(b"traceparent", FIXED.encode()), (b"traceparent", FIXED.encode())]) == ""
