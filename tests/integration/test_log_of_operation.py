"""The log says what an operator would otherwise learn from angry people (O12): failing and resting connections, and refused documents."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.builders.running_account import RunningAccount
from tests.doors import acme, document, opened
from tests.receiver import Answer, Receiver
from tests.waiting import until

from heliograph.domain.delivery.outcomes import FAILURES_TO_TRIP
from heliograph.engine.ingest.problem_documents import NO_TOKEN, refused, too_large
from heliograph.engine.ingest.refusal_lines import MOST_SENDERS
from heliograph.engine.ingest.refused_documents import RefusedDocuments
from heliograph.store.token_check import prefix_of

__all__ = ["acme"]


def events(lines: Any, prefix: str) -> list[dict[str, Any]]:
    return [dict(line) for line in lines if line["event"].startswith(prefix)]


def test_O12_a_connection_that_fails_rests_and_delivers_again(acme: RunningAccount) -> None:
    with Receiver() as receiver, capture_logs() as lines:
        failing, resting = acme.connection(receiver.url("/failing")), acme.connection(receiver.url("/resting"))
        acme.flow(failing)
        acme.flow(resting)
        receiver.answer("/failing", *[Answer(500)] * FAILURES_TO_TRIP, Answer(200))
        receiver.answer("/resting", Answer(429, headers={"Retry-After": "1"}), Answer(200))
        acme.retry_seconds(1, 1, 1)
        with acme.worker():
            for n in range(FAILURES_TO_TRIP):
                acme.record(f"R{n}")
            until(lambda: len(events(lines, "connection_")) == 4)
    said = {(line["event"], line["connection"]): line for line in events(lines, "connection_")}
    assert set(said) == {
        ("connection_fails", failing),
        ("connection_delivers_again", failing),
        ("connection_rests", resting),
        ("connection_delivers_again", resting),
    }
    assert said["connection_fails", failing]["status"] == 500
    assert said["connection_rests", resting]["status"] == 429


@pytest.mark.parametrize("kind", ["fast", "pages"])
def test_O12_refused_documents_are_logged_by_reason_and_sender_not_by_content(acme: RunningAccount, kind: str) -> None:
    with capture_logs() as lines, opened(acme, kind) as sender:
        assert sender.post(document(event="Ada's secret")).status == 400
        assert sender.many({"event": "x"}, b"{", {"event": "y"}).status == 200
        assert sender.post(b"{}", type="text/plain").status == 415
        assert sender.post(document(), Authorization="Bearer hg_unknown").status == 401
        sender.reception.refused.write()
    found = events(lines, "documents_refused")
    counts = {reason: sum(line["times"] for line in found if line["reason"] == reason) for reason in {line["reason"] for line in found}}
    assert counts == {"refused": 3, "json": 1, "content-type": 1}
    assert {(line["token"], line["address"]) for line in found} == {(prefix_of(sender.token), "127.0.0.1")}
    assert "Ada" not in str(found)


def test_O12_a_flood_of_refusals_does_not_fill_the_log() -> None:
    documents = RefusedDocuments(said_every=3600.0)
    with capture_logs() as lines:
        for n in range(1000):
            documents.note(refused([]), "", f"192.0.2.{n % 250}")
            documents.note(too_large(1), "", f"192.0.2.{n % 250}")
            documents.note(NO_TOKEN, "", "192.0.2.1")
        assert len(lines) <= MOST_SENDERS + 2
        assert documents.write()
        assert not documents.write()
    assert sum(line["times"] for line in lines) == 2000
    assert {line["reason"] for line in lines} == {"refused", "size"}
    assert len(lines) <= 2 * (MOST_SENDERS + 2)
