"""docs/reference/ingest.md has every field, limit and answer of the code (I2, I3, I5), and its examples run against both doors."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.architecture import source
from tests.builders.running_account import RunningAccount
from tests.doors import Sender, acme, opened
from tests.waiting import PATIENCE

from heliograph.domain.http_request import LARGEST_HEAD, MOST_HEADERS
from heliograph.domain.registration import document, item_plan
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.engine.ingest import batch_queue, door_protocol, fast_door, request_rules
from heliograph.engine.ingest.door_places import PlaceLimits
from heliograph.engine.ingest.problem_documents import reply_of
from heliograph.recording import json_documents
from heliograph.recording.items import MAX_KEY, ItemResult

__all__ = ["acme"]
PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "ingest.md"
TEXT: Final = PAGE.read_text("utf-8")
REFUSERS: Final = ("domain/http_request.py", "engine/ingest/problem_documents.py", "engine/ingest/request_rules.py")
"""The modules that refuse a request."""


def table(*heads: str) -> list[list[str]]:
    """The rows of the table with these heads, without the marks of code."""
    _, found, rest = TEXT.partition(f"| {' | '.join(heads)} |\n")
    assert found, heads
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in rest.partition("\n\n")[0].splitlines()[1:]]
    return [[cell.strip("`") for cell in row] for row in rows]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_I2_every_member_of_a_document_has_its_row() -> None:
    members = {*document.KNOWN, "profile.custom", "sessions[].code", "sessions[].status", *(f"profile.{name}" for name in PROFILE_FIELDS)}
    assert sorted(row[0] for row in table("member", "value", "null")) == sorted(members)


def test_I2_the_example_has_every_member() -> None:
    (example,) = [each for each in map(json.loads, blocks("json")[2:]) if "profile" in each]
    assert set(example) == set(document.KNOWN)


def test_I5_every_limit_is_that_of_the_code() -> None:
    limits = PlaceLimits()
    assert dict(table("limit", "is")) == {
        "body of one document, or a line of many": f"{request_rules.LARGEST_ONE:,} bytes",
        "body of many documents": f"{request_rules.LARGEST_MANY:,} bytes",
        "lines of a request": f"{request_rules.MOST_LINES:,}",
        "names and values of a document": f"{json_documents.MOST_VALUES:,}",
        "levels of a document": f"{json_documents.DEEPEST}",
        "code of an event": f"{document.MAX_EVENT_CODE} characters",
        "code of a registration": f"{document.MAX_CODE} characters",
        "text of a profile member, `order_code": f"{document.MAX_TEXT:,} characters",
        "profile.notes`, an answer, a custom field": f"{document.MAX_LONG_TEXT:,} characters",
        "values of one answer": f"{document.MAX_VALUES}",
        "sessions of a document": f"{document.MAX_SESSIONS}",
        "a registration as it is stored": f"{item_plan.LARGEST_STATE:,} characters",
        "what all changes of a document store": f"{item_plan.MOST_WRITTEN:,} characters",
        "Idempotency-Key": f"{MAX_KEY} characters",
        "head of a request": f"{LARGEST_HEAD:,} bytes",
        "headers of a request": f"{MOST_HEADERS}",
        "time for the head": f"{door_protocol.HEAD_WITHIN:.0f} s",
        "time for the body": f"{request_rules.BODY_WITHIN:.0f} s, and a second for each {request_rules.SLOWEST:,} bytes",
        "time for a commit, then 503": f"{request_rules.REPLY_WITHIN:.0f} s",
        "idle connection at the fast door": f"{fast_door.IDLE} s",
        "bodies that a process holds at one time, of one account half": f"{request_rules.MOST_BODY_BYTES:,} bytes",
        "documents that wait to be recorded, of one account half": f"{batch_queue.MOST_WAITING:,}",
        "open connections with a valid token at the fast door, of one account half": f"{limits.most:,}",
        "open connections of one address without a valid token at the fast door": f"{limits.of_address}",
    }


def refusals() -> Iterator[tuple[str, str]]:
    """Status and type of every problem that the doors can answer, from the calls that make them."""
    for name in REFUSERS:
        for node in ast.walk(ast.parse((source.ROOT / "src/heliograph" / name).read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            maker = ast.unparse(node.func).rpartition(".")[2]
            arguments = [each.value for each in node.args[:2] if isinstance(each, ast.Constant)]
            if maker in ("problem", "RequestRefusal") and len(arguments) == 2:
                yield str(arguments[0]), str(arguments[1])


def test_I2_every_problem_has_its_row() -> None:
    rows = [(status, name) for status, name, *_ in table("status", "type", "means", "send it again")]
    assert len(rows) == len(set(rows))
    assert set(rows) == set(refusals())


def test_I2_every_outcome_has_its_row() -> None:
    recorded = [outcome for outcome in item_plan.ItemOutcome if ItemResult(outcome).is_recorded]
    said = {(outcome, status) for outcome, status, _ in table("outcome", "status", "means")}
    assert said == {(outcome.value, str(reply_of(ItemResult(outcome)).status)) for outcome in recorded}
    members = {row[0] for row in table("member", "is")}
    assert members == {*reply_of(ItemResult(recorded[0])).content, "line", "status"}


@pytest.fixture(params=["fast", "pages"])
def sender(acme: RunningAccount, request: pytest.FixtureRequest) -> Iterator[Sender]:
    acme.stored.save_event(EventState("SUMMIT-26", "Summit", acme.stored.event_statuses["Live"], timezone="Europe/Berlin"))
    with opened(acme, request.param) as made:
        yield made


def run(sender: Sender, *command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOST": f"http://127.0.0.1:{sender.port}", "TOKEN": sender.token}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout


def without_ids(text: str) -> list[Any]:
    """The JSON documents of a text, one a line, with the number of changes in place of their ids."""
    documents = [json.loads(line) for line in text.splitlines()]
    return [
        {name: len(value) if name == "changes" else value for name, value in each.items() if name != "registration"} for each in documents
    ]


def test_I2_I3_the_commands_answer_what_the_page_says(sender: Sender) -> None:
    commands, answers = blocks("sh"), blocks("json")
    for command, answer in zip(commands, answers, strict=False):
        for _twice in range(2):  # with its Idempotency-Key it may be sent again
            assert without_ids(run(sender, "bash", "-euc", command)) == without_ids(answer)


def test_I2_the_document_with_every_member_is_taken(sender: Sender) -> None:
    (example,) = [each for each in map(json.loads, blocks("json")[2:]) if "profile" in each]
    answer = sender.post(example)
    assert (answer.status, answer.json["outcome"], len(answer.json["changes"])) == (201, "created", 3)


def test_I3_the_program_sends_what_it_says(sender: Sender) -> None:
    (program,) = blocks("python")
    assert run(sender, sys.executable, "-c", program).split() == ["created", "created", "unchanged"]
