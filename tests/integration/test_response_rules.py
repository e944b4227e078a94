"""Response rules on the real engine: what decides, what is counted, and the way from a logged answer to a saved rule (C7, X2)."""

from __future__ import annotations

import pytest
from tests.receiver import Answer
from tests.story import Story

from heliograph.connections import answers
from heliograph.connections.services import connections as connection_services
from heliograph.domain.connection.response_rule import Then
from heliograph.setup.errors import Invalid

OK_FALSE = {"if": [{"in": "json", "name": "ok", "is": ["false"]}], "then": "failed", "shows": "error"}


def test_C7_a_200_that_is_really_an_error_is_tried_again(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    story.flow("All", [story.to(story.connection("CRM", "/crm", rule=[OK_FALSE]))])
    story.receiver.answer("/crm", Answer(body={"ok": False, "error": "no_text"}), Answer(body={"ok": True}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    (action,) = story.actions("R1")
    assert story.attempts(action) == [("first", "General", 200), ("auto", "", 200)]
    assert (action["queue"], action["category"], action["cause"]) == ("Done", "General", "rule")
    ((message,),) = story.db.all("SELECT message FROM attempt WHERE n = 1")
    assert message == "The response rule says that this answer (200) is a failure: no_text"


def test_C7_a_failure_that_is_really_a_success_is_done(story: Story) -> None:
    exists = {"if": [{"in": "status", "is": ["409"]}, {"in": "body", "contains": ["already"]}], "then": "delivered", "lead": "updated"}
    story.flow("All", [story.to(story.connection("CRM", "/crm", rule=[exists]))])
    story.receiver.answer("/crm", Answer(409, "It is there already"))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    (action,) = story.actions("R1")
    assert (action["queue"], story.attempts(action)) == ("", [("first", "", 409)])


def test_C7_a_rule_holds_the_whole_connection(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    busy = {"if": [{"in": "json", "name": "code", "is": ["606"]}], "then": "failed", "category": "Connection", "retry_after": 1}
    story.flow("All", [story.to(story.connection("CRM", "/crm", parallel=1, rule=[busy]))])
    story.receiver.answer("/crm", Answer(body={"code": 606}), Answer(body={}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
        story.record("R2", status="Attended")
        for code in ("R1", "R2"):
            story.until(code, "success")
    first, *rest = story.arrived("/crm", 3)
    assert all(request.at - first.at > 0.95 for request in rest)
    assert [action["tries"] for action in story.actions()] == [2, 1]


def test_X2_leads_created_and_updated_are_counted_by_rule(story: Story) -> None:
    rule = [
        {"if": [{"in": "json", "name": "result[0].status", "is": [word]}], "then": "delivered", "lead": word}
        for word in ("created", "updated")
    ]
    story.flow("All", [story.to(story.connection("CRM", "/crm", parallel=1, rule=rule))])
    said = [{"result": [{"status": word}]} for word in ("created", "updated", "updated", "skipped")]
    story.receiver.answer("/crm", *(Answer(body=body) for body in said))
    with story.worker():
        for n in range(4):
            story.record(f"R{n}", status="Attended")
            story.until(f"R{n}", "success")
    figures = story.figures()
    assert (figures.success, figures.leads_created, figures.leads_updated) == (4, 1, 2)


def test_C7_from_a_logged_answer_to_a_rule_that_was_tried_before_it_was_saved(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", Answer(body="Hook rules were not satisfied."))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")  # so it seems
        action = story.action("R1")["id"]
        connection, rule = answers.proposed(story.db, story.account, action, 1, Then.FAILED)
        assert connection == crm
        said = answers.tried(story.db, story.account, action, 1, rule)
        assert (said.delivered, said.clause, said.category) == (False, 0, "General")
        assert said.message.endswith("Hook rules were not satisfied.")
        assert answers.tried(story.db, story.account, action, 1, []).delivered
        with pytest.raises(Invalid) as wrong:
            answers.tried(story.db, story.account, action, 1, [{"if": [], "then": "failed"}])
        assert list(wrong.value.fields) == ["rule[0].if"]
        with pytest.raises(answers.NoAnswer):
            answers.tried(story.db, story.account + 1, action, 1, rule)  # another account's
        with pytest.raises(answers.NoAnswer):
            answers.tried(story.db, story.account, action, 2, rule)
        with story.saving() as s:
            connection_services.save_rule(s, crm, rule)
            assert s.source.account(story.account).numbers["connection", crm] == 2
        story.record("R2", status="Attended")
        story.until("R2", "failed")
        assert {kind for kind, _, _ in story.attempts(story.action("R2"))} == {"first", "auto"}
    versions = {row for (row,) in story.db.all("SELECT versions FROM attempt")}
    assert len(versions) == 2  # each attempt names the version whose rule decided
