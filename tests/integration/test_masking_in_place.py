"""Where credentials are removed from what targets answer, and what that costs Save & Test (C5)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from tests.builders.worker import LOOPBACK
from tests.costly_answers import MOST, ODD, costly_texts, masks, usual_text
from tests.oauth import SECRET as CLIENT_SECRET
from tests.oauth import Authority
from tests.receiver import Answer, Receiver
from tests.story import Story
from tests.waiting import until

from heliograph.connections import page_sender
from heliograph.connections.services import save_and_test
from heliograph.domain.connection.secret import Secret

SECRET = (ODD * 60)[:950]
SHOWS = {"if": [{"in": "status", "is": ["200-599"]}], "then": "failed", "says": "It said", "shows": "error"}


@pytest.fixture
def masked_on() -> Iterator[list[tuple[str, frozenset[str]]]]:
    """For each text that is searched for secrets: the thread, and the functions that are running on it."""
    calls: list[tuple[str, frozenset[str]]] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_qualname == "Masks.blotted":
            running, outer = set[str](), frame.f_back
            while outer is not None:
                running.add(outer.f_code.co_qualname)
                outer = outer.f_back
            calls.append((threading.current_thread().name, frozenset(running)))

    threading.setprofile_all_threads(note)
    try:
        yield calls
    finally:
        threading.setprofile_all_threads(None)


@pytest.mark.parametrize("rule", [[], [SHOWS]], ids=["no rule", "response rule"])
def test_C5_D9_answers_are_searched_for_secrets_outside_the_gate_and_the_reading_thread(
    story: Story, receiver: Receiver, masked_on: list[tuple[str, frozenset[str]]], rule: list[Any]
) -> None:
    key = {"auth": "API Key / Token", "key_place": "header", "key_name": "X-Key", "rule": rule}
    id = story.connection("CRM", "/crm", secrets={Secret.KEY: SECRET}, **key)
    receiver.answer("/crm", lambda request: Answer(400, {"error": f"no {request.header('x-key')}"}))
    story.flow("All", [story.to(id)])
    story.retries(3_600, 3_600, 3_600)
    codes = [f"R{n}" for n in range(40)]
    for code in codes:
        story.record(code, status="Attended")
    with story.worker():
        until(lambda: len(story.db.all("SELECT 1 FROM attempt")) == len(codes))
    assert len(masked_on) >= len(codes)
    assert {thread for thread, _ in masked_on} & {"reading", "Sender", "sender"} == set()
    assert not any(running & {"Completer.commit", "Completer._settle"} for _, running in masked_on)
    kept = [text for row in story.db.all("SELECT response FROM attempt_content") for text in row]
    kept += [text for row in story.db.all("SELECT message FROM attempt") for text in row]
    assert not any("wör<d>" in text or json.dumps("wör")[1:-1] in text for text in kept)
    assert all("…" in text for text in kept if "no " in text)


@pytest.mark.parametrize(
    ("authority", "states"),
    [
        ({"scopes": "leads", "body": False}, ["success"]),
        ({"scopes": "leads", "basic": False}, ["success"]),
        ({"scopes": "others"}, ["queued"]),
        ({"secret": "another"}, ["queued"]),
    ],
    ids=["token", "token at the second place", "refusal with a description", "refusal at both places"],
)
def test_C5_C4_token_answers_are_searched_for_secrets_outside_the_gate_and_the_reading_thread(
    story: Story,
    receiver: Receiver,
    masked_on: list[tuple[str, frozenset[str]]],
    monkeypatch: pytest.MonkeyPatch,
    authority: dict[str, Any],
    states: list[str],
) -> None:
    monkeypatch.setattr(page_sender, "policy", lambda _account: LOOPBACK)
    tokens = Authority(receiver, **authority)
    receiver.answer("/crm", tokens.guards())
    fields = tokens.fields(grant="Client Credentials", scope="leads")
    id = story.connection("CRM", "/crm", secrets={Secret.CLIENT_SECRET: CLIENT_SECRET}, **fields)
    story.flow("All", [story.to(id)])
    story.retries(3_600, 3_600, 3_600)
    with story.worker():
        story.record("R1", status="Attended")
        story.wait_for(lambda: "pending" not in story.states())
    assert story.states() == states
    in_engine = [(thread, running) for thread, running in masked_on if "read_answer" in running]
    assert in_engine
    assert {thread for thread, _ in in_engine} & {"reading", "Sender", "sender"} == set()
    assert not any(running & {"Sender.turn", "Completer.commit", "Completer._settle"} for _, running in in_engine)
    masked_on.clear()
    save_and_test.try_connection(story.account, id, sample=True)
    assert {thread for thread, running in masked_on if "read_answer" in running} == {threading.current_thread().name}


def test_C5_C3_the_worst_answer_costs_a_test_at_most_twenty_usual_ones(
    story: Story, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_sender, "policy", lambda _account: LOOPBACK)
    texts = costly_texts(masks([SECRET]))
    worst = {
        name: texts[name]
        for name in ("every reading, as they are", "every reading, in JSON in JSON", "beginnings, in JSON in JSON", "blanks")
    }

    def cost(name: str, text: str) -> float:
        """The least CPU time of three tests, on the thread of the page."""
        path = f"/crm{len(receiver.requests)}"
        fields = {"auth": "API Key / Token", "key_place": "header", "key_name": "X-Key", "rule": [SHOWS], "answer_cap": 1_024}
        id = story.connection(name, path, secrets={Secret.KEY: SECRET}, **fields)
        receiver.answer(path, Answer(200, {"error": text}))
        times = []
        for _ in range(3):
            began = time.thread_time()
            report = save_and_test.try_connection(story.account, id, sample=True)
            times.append(time.thread_time() - began)
            assert report.status == 200
            assert len(report.answer) <= save_and_test.SHOWN
        return min(times)

    usual = cost("usual", usual_text()[:300_000])
    costs = {name: cost(name, text) / usual for name, text in worst.items()}
    assert {name: round(ratio, 1) for name, ratio in costs.items() if ratio > MOST} == {}
