"""Every answer that asks its sender to come again says when: 503, and 429 (O7, O12)."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from heliograph.api.api_problems import PROBLEM_TYPES, Problem
from heliograph.engine.ingest import problem_documents
from heliograph.engine.ingest.problem_documents import IngestReply

REPLIES = {name: reply for name, reply in vars(problem_documents).items() if isinstance(reply, IngestReply) and reply.status in (429, 503)}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_O7_each_refusal_of_the_doors_that_passes_says_when_to_come_again(reply: IngestReply) -> None:
    assert int(reply.headers["Retry-After"]) > 0


def test_O7_there_are_such_refusals() -> None:
    assert {"BUSY", "UNAVAILABLE", "NO_PLACE", "TOO_MANY_CONNECTIONS"} <= set(REPLIES)


@pytest.mark.parametrize("name", [name for name, each in PROBLEM_TYPES.items() if each.status is HTTPStatus.SERVICE_UNAVAILABLE])
def test_O12_each_503_of_the_API_says_when_to_come_again(name: str) -> None:
    assert int(Problem(name).response()["Retry-After"]) > 0
