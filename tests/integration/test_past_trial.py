"""A rule that is tried on the past equals what the flow does once it is saved and the same changes are recorded again (F9, issue: try a rule)."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone
from tests.story import Story
from tests.waiting import until

from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import FilterRow, Flow, Op, Watch
from heliograph.flows.past_trial import MOST, PastTrial, PastVerdict, try_on_past

LEAD = {"code": "registration.code", "email": "profile.email"}


def documents(prefix: str) -> list[dict[str, Any]]:
    """The same changes, for other registrations."""
    random_ = random.Random(5)
    out = []
    for n in range(30):
        code = f"{prefix}-{random_.randrange(9)}"
        profile = {
            "email": random_.choice(("somebody@example.org", "", "")),
            "organization": random_.choice(("Oakline", "Weber")),
            "position": f"Nr {n}",
        }
        status = random_.choice(("Attended", "Cancelled", "Pre-Registered", "Waitlist Hold"))
        out.append({"code": code, "profile": profile, "status": status, "properties": {"Test": random_.random() < 0.1}})
    return out


def tried(story: Story, flow: Flow) -> PastTrial:
    return try_on_past(AccountReader(story.db, story.account), flow, now=timezone.now())


def edits(story: Story, strict: int) -> list[dict[str, Any]]:
    filters = (FilterRow("profile.organization", Op.IS_ANY_OF, ("oakline",)),)
    return [
        {},
        {"filters": filters},
        {"statuses": (story.tags["Attended"], story.tags["Cancelled"])},
        {"watch": Watch.STATUS, "statuses": (story.tags["Cancelled"],), "filters": filters},
        {"to": [story.to(story.connection_id, mapping=strict)]},  # type: ignore[attr-defined]
        {"to": [story.to(story.connection_id, mapping=strict)], "statuses": (story.tags["Cancelled"],)},  # type: ignore[attr-defined]
    ]


@pytest.mark.parametrize("number", range(6))
def test_F9_a_rule_tried_on_the_past_does_the_same_once_it_is_saved(story: Story, number: int) -> None:
    story.connection_id = story.connection("CRM", "/crm")  # type: ignore[attr-defined]
    strict = story.mapping("Strict", LEAD, required=["email"])
    id = story.flow("All", [story.to(story.connection_id)], statuses=["Attended"])  # type: ignore[attr-defined]
    for document in documents("A"):
        story.record_many([document])
    stored, change = story.flow_facts(id), edits(story, strict)[number]
    to = change.get("to")
    edited = replace(stored, **{k: v for k, v in change.items() if k != "to"})
    if to:
        edited = replace(edited, destinations=tuple(replace(d, id=stored.destinations[0].id) for d in to))
    trial = tried(story, edited)
    assert trial.changes_tried == len(changes_of(story, "A"))
    assert trial.sends == len(sent_of(story, id, "A")), "today's rule sends what it has sent"
    assert {row.id for row in trial.rows if row.verdict in (PastVerdict.BOTH, PastVerdict.LOST)} == set(sent_of(story, id, "A"))
    assert story.flow_facts(id) == stored, "nothing is saved"

    story.change_flow(id, **change)
    for document in documents("B"):
        story.record_many([document])
    same = dict(zip(changes_of(story, "A"), changes_of(story, "B"), strict=True))
    would = [row for row in trial.rows if row.verdict is not PastVerdict.LOST]
    assert sorted(same[row.id] for row in would) == sorted(sent_of(story, id, "B"))
    assert trial.would_send == len(would)
    with story.worker():
        until(lambda: not story.db.all("SELECT 1 FROM action WHERE state = 1 LIMIT 1"))  # what another watch made waits in Retry
    invalid = story.db.all(
        "SELECT a.change_id FROM action a JOIN registration r ON r.id = a.registration_id WHERE a.state = 12 AND r.code LIKE 'B-%'"
    )
    # A change that a newer one overtook was not built: only what was tried to be sent can have failed.
    superseded = {c for (c,) in story.db.all("SELECT change_id FROM action WHERE state = 13")}
    assert {same[row.id] for row in trial.failing} - superseded == {c for (c,) in invalid}
    assert bool(trial.failing) == (to is not None)
    if number == 0:
        assert not trial.notable


def changes_of(story: Story, prefix: str) -> list[int]:
    rows = story.db.all(
        f"SELECT c.id FROM change c JOIN registration r ON r.id = c.registration_id WHERE r.code LIKE '{prefix}-%' AND c.kind = 1 ORDER BY c.id"
    )
    return [id for (id,) in rows]


def sent_of(story: Story, flow: int, prefix: str) -> Sequence[int]:
    rows = story.db.all(
        "SELECT run.change_id FROM run JOIN change c ON c.id = run.change_id JOIN registration r ON r.id = c.registration_id"
        f" WHERE run.flow_id = :flow AND run.decision = 2 AND r.code LIKE '{prefix}-%'",
        {"flow": flow},
    )
    return [id for (id,) in rows]


def test_F9_a_new_flow_and_one_that_is_off_are_tried_as_if_they_were_on(story: Story) -> None:
    crm = story.connection("CRM", "/crm")
    id = story.flow("All", [story.to(crm)], statuses=["Attended"])
    story.record("A-1", status="Attended")
    story.record("A-2", status="Cancelled")
    story.set_active(id, active=False)
    off = tried(story, replace(story.flow_facts(id), statuses=(story.tags["Cancelled"],)))
    assert (off.changes_tried, off.would_send, off.sends, off.count(PastVerdict.GAINED), off.count(PastVerdict.LOST)) == (2, 1, 1, 1, 1)
    new = tried(story, replace(story.flow_facts(id), id=0))
    assert (new.changes_tried, new.would_send, new.sends, new.in_force) == (2, 1, 0, False)


def test_F9_the_last_thousand_changes_are_tried_in_a_moment(story: Story) -> None:
    """Bounded: the answer comes within the request, so there is no progress to show."""
    crm = story.connection("CRM", "/crm")
    id = story.flow("All", [story.to(crm)])
    for batch in range(11):
        story.record_many([{"code": f"A-{batch}-{n}", "status": "Attended", "profile": {"email": f"{n}@example.org"}} for n in range(100)])
    begun = time.process_time()
    trial = tried(story, replace(story.flow_facts(id), filters=(FilterRow("profile.email", Op.STARTS_WITH, ("1",)),)))
    took = time.process_time() - begun
    assert (trial.changes_tried, trial.sends, trial.would_send) == (MOST, MOST, 110)
    assert took < 5.0, took
