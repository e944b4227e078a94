"""What the ledger counts of a flow is whole: each change and each message of it has exactly one place (S9)."""

from __future__ import annotations

import random
from dataclasses import fields

from django_scopes import scope
from tests.api_client import ApiClient
from tests.receiver import Answer
from tests.story import Story

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.flow.flow import Mode, Watch
from heliograph.domain.registration.erasure import ErasureReason
from heliograph.domain.source.ledger_rules import FlowBalance
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.recording.items import RecordItem
from heliograph.recording.record import record
from heliograph.registrations.erasures import erasure_job
from heliograph.registrations.erasures.person import person_of
from heliograph.registrations.erasures.person_erasure import start_erasure
from heliograph.sources.source_ledger import ledger_of

STATUSES = ("Pre-Registered", "Attended", "Cancelled", "Waitlist Hold")
"""The last has no tag."""


def test_S9_every_change_and_every_message_of_a_flow_has_one_place(story: Story) -> None:
    dice = random.Random(9)
    story.receiver.answer("/dead", Answer(500))
    story.retries(3600, 3600, 3600)
    well, dead, also = (story.connection(name, f"/{name}") for name in ("well", "dead", "also"))
    flows = {
        "two": story.flow("Two destinations", [story.to(well), story.to(also)], statuses=["Attended", "Registered"]),
        "dead": story.flow("Dead", [story.to(dead)], statuses=["Cancelled"]),
        "sessions": story.flow("Sessions", [story.to(well)], watch=Watch.SESSION_STATUS, session_statuses=["Present"]),
        "trial": story.flow("Trial", [story.to(well)], mode=Mode.TEST, statuses=["Attended"]),
    }
    changes = sum(len(story.record(f"R{dice.randrange(20)}", status=dice.choice(STATUSES), first=f"F{n}").changes) for n in range(80))
    with story.worker():
        story.wait_for(lambda: ActionState.PENDING.name.lower() not in story.states())
    with story.db.transaction():
        quiet = RecordItem(story.account, {"event": "SUMMIT", "code": "Q1", "status": "Attended"}, "user:1", quiet=True)
        record(story.db, [quiet], story.provider)
    flows["late"] = story.flow("Late", [story.to(well)], statuses=["Attended"])
    story.set_active(flows["dead"], False)
    changes += len(story.record("R1", status="Attended", first="Late").changes)  # no worker sends it
    balances = balances_of(story)
    changes += 1  # the event's own, by which it became Live
    assert {balance.changes for balance in balances.values()} == {changes}
    assert "sessions" not in {name for name, id in flows.items() if id in balances}
    assert flows["trial"] not in balances
    assert (balances[flows["late"]].not_looked_at, balances[flows["late"]].owed) == (changes - 1, 1)
    two = balances[flows["two"]]
    assert two.waiting and two.delivered and two.filtered and two.acted_on < two.owed  # noqa: PT018
    assert two.not_looked_at == 1
    assert balances[flows["dead"]].waiting > 0

    erased = [code for code in story.registrations if any(state == "queued" for state in story.states(code))][:3]
    assert erased
    for code in erased:
        with account_reader(story.account) as reader:
            person = person_of(reader, story.registrations[code])
        erasure = start_erasure(story.account, person, why=ErasureReason.ASKED, reference="", confirmation=person.confirmation, by="user:1")
        Runner(JobKinds([erasure_job.kind()])).run_one(erasure.job or 0)
    after = balances_of(story)
    assert after[flows["dead"]].erased > 0
    assert after[flows["dead"]].owed == balances[flows["dead"]].owed
    with scope(account=story.account):
        codes = {gap.code for gap in ledger_of(story.db, story.account).undelivered()}
    assert codes
    assert not codes & set(erased)


def balances_of(story: Story) -> dict[int, FlowBalance]:
    """The balances of the event SUMMIT, which are whole, by flow; the answer of the REST API says the same."""
    with scope(account=story.account):
        balances = ledger_of(story.db, story.account).flows(story.events["SUMMIT"])
    for balance in balances.values():
        assert balance.changes == balance.not_looked_at + balance.filtered + balance.acted_on
        assert balance.owed == (balance.delivered + balance.replaced + balance.waiting + balance.failed + balance.invalid + balance.erased)
        assert min(getattr(balance, field.name) for field in fields(FlowBalance)) >= 0
    documents = ApiClient.for_account(story.account).get("ledger/flows?event=SUMMIT")["items"]
    assert {
        int(each["flow"]): FlowBalance(**{field.name: each[field.name] for field in fields(FlowBalance)}) for each in documents
    } == balances
    for flow, balance in balances.items():
        ((messages,),) = story.db.all("SELECT count(*) FROM action WHERE flow_id = :flow", {"flow": flow})
        ((waiting,),) = story.db.all("SELECT count(*) FROM stuck_run WHERE flow_id = :flow AND queue < 4", {"flow": flow})
        assert balance.owed >= messages + waiting
    return balances
