"""Response rules on the real engine: what decides, what is counted, and the way from a logged answer to a saved rule (C7, X2)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from tests.forms import posted
from tests.page_text import text_of
from tests.receiver import Answer
from tests.story import Story

from heliograph.accounts.models import Role
from heliograph.connections import answers
from heliograph.connections.services import connections as connection_services
from heliograph.connections.services.connections import connection_row
from heliograph.domain.connection.response_rule import Then
from heliograph.insights import record_export
from heliograph.jobs.models import JobState
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.setup.setup_errors import Invalid

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


def test_X2_a_201_is_a_lead_only_where_a_rule_says_so(story: Story, client: Client) -> None:
    """The tile, the list behind it and what is downloaded from there."""
    story.flow("To the chat", [story.to(story.connection("Chat", "/chat"))])
    story.receiver.answer("/chat", Answer(201, {"created": True}))
    story.receiver.answer("/crm", Answer(201))
    story.signs_in(client, Role.ADMINISTRATOR)
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")
    assert story.figures().leads_created == 0
    shown = text_of(client.get("/signal/metrics/?period=1h").content)
    assert "Leads Created - no response rule says which answers of a CRM mean it" in shown
    assert "No records" in text_of(client.get("/signal/metrics/records/leads-created/?period=1h").content)
    rule = [{"if": [{"in": "status", "is": ["201"]}], "then": "delivered", "lead": "created"}]
    story.flow("To the CRM", [story.to(story.connection("CRM", "/crm", rule=rule))])
    with story.worker():
        story.record("R2", status="Attended")
        story.until("R2", "success", "success")
    figures = story.figures()
    assert (figures.success, figures.leads_created, figures.leads_updated) == (3, 1, 0)
    shown = text_of(client.get("/signal/metrics/?period=1h").content)
    assert "Leads Created 1 as your CRM reports in its answers" in shown
    assert "Leads Updated 0 as your CRM reports in its answers" in shown
    listed = text_of(client.get("/signal/metrics/records/leads-created/?period=1h").content)
    assert "R2" in listed
    assert "R1" not in listed
    job = client.post("/signal/metrics/records/leads-created/export/?period=1h")["Location"].strip("/").rpartition("/")[2]
    assert Runner(JobKinds([record_export.kind()])).run_one(int(job)).state == JobState.DONE
    rows = client.get(f"/signal/metrics/exports/{job}/").getvalue().decode().splitlines()
    assert len(rows) == 2
    assert "R2" in rows[1]


def test_C7_from_a_logged_answer_to_a_rule_that_was_tried_before_it_was_saved(story: Story) -> None:
    story.retries(0.1, 0.1, 0.1)
    crm = story.connection("CRM", "/crm")
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", Answer(body="Hook rules were not satisfied."))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")  # so it seems
        action = story.action("R1")["id"]
        connection, rule = answers.propose_rule(story.db, story.account, action, 1, Then.FAILED)
        assert connection == crm
        said = answers.try_rule(story.db, story.account, action, 1, rule)
        assert (said.delivered, said.clause, said.category) == (False, 0, "General")
        assert said.message.endswith("Hook rules were not satisfied.")
        assert answers.try_rule(story.db, story.account, action, 1, []).delivered
        with pytest.raises(Invalid) as wrong:
            answers.try_rule(story.db, story.account, action, 1, [{"if": [], "then": "failed"}])
        assert list(wrong.value.fields) == ["rule[0].if"]
        with pytest.raises(answers.NoAnswer):
            answers.try_rule(story.db, story.account + 1, action, 1, rule)  # another account's
        with pytest.raises(answers.NoAnswer):
            answers.try_rule(story.db, story.account, action, 2, rule)
        with story.saving() as transaction:
            connection_services.save_rule(transaction, crm, rule)
            assert transaction.provider.account(story.account).numbers["connection", crm] == 2
        story.record("R2", status="Attended")
        story.until("R2", "failed")
        assert {kind for kind, _, _ in story.attempts(story.action("R2"))} == {"first", "auto"}
    versions = {row for (row,) in story.db.all("SELECT versions FROM attempt")}
    assert len(versions) == 2  # each attempt names the version whose rule decided


# --- paths that match nothing


def answered(story: Story, *bodies: object) -> int:
    """A connection over which these answers came."""
    crm = story.connection("CRM", "/crm", parallel=1)
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", *(Answer(body=body) for body in bodies))
    with story.worker():
        for n in range(len(bodies)):
            story.record(f"R{n}", status="Attended")
            story.until(f"R{n}", "success")
    return crm


def ruled(path: str, **more: str) -> dict[str, str]:
    """A post of the rule's form with one clause that looks for a path."""
    clause = {"c0-then": "failed", "c0-0-place": "json", "c0-0-name": path, "c0-0-how": "is", "c0-0-values": "false"}
    return clause | {"do": "save"} | more


def rule_of(story: Story, connection: int) -> list[dict[str, Any]]:
    with story.saving() as transaction:
        found: list[dict[str, Any]] = connection_row(connection).body.get("rule", [])
        assert transaction.account == story.account
    return found


def test_C7_a_pasted_JSONPath_decides(story: Story, client: Client) -> None:
    story.retries(0.1, 0.1, 0.1)
    crm = answered(story, {"success": True, "errors": [{"code": 7}]})
    story.signs_in(client)
    assert client.post(f"/signal/connections/{crm}/rule/", ruled("$.success")).status_code == 302
    assert rule_of(story, crm)[0]["if"][0]["name"] == "success"
    story.receiver.answer("/crm", Answer(body={"success": False}))
    with story.worker():
        story.record("R9", status="Attended")
        story.until("R9", "failed")
    refused = client.post(f"/signal/connections/{crm}/rule/", ruled("$..success"))
    assert refused.status_code == 422
    page = text_of(refused.content)
    assert "searches at every depth" in page
    assert "$..success" in refused.content.decode()  # what was typed is still there
    assert rule_of(story, crm)[0]["if"][0]["name"] == "success"


@pytest.mark.parametrize("path", ["succes", "$.succes", "/succes", "errors.0.code"])
def test_C7_a_path_that_no_answer_has_is_asked_about_once(story: Story, client: Client, path: str) -> None:
    crm = answered(story, {"success": True, "errors": [{"code": 7}]})
    story.signs_in(client)
    url = f"/signal/connections/{crm}/rule/"
    asked = client.post(url, ruled(path))
    assert asked.status_code == 409
    assert "has nothing at" in text_of(asked.content)
    assert rule_of(story, crm) == []
    form = posted(asked.content.decode(), "rule-editor")
    assert client.post(url, form | {"c0-0-name": ["other"], "do": ["save"]}).status_code == 409  # another path is another question
    assert client.post(url, form | {"do": ["save"]}).status_code == 302
    page = text_of(client.get(f"/signal/connections/{crm}/").content)
    assert "Part of the rule has never matched" in page
    assert "has nothing at" in page
    story.signs_in(client, Role.VIEWER)
    assert "Part of the rule has never matched" in text_of(client.get(f"/signal/connections/{crm}/").content)


def test_C7_answers_that_come_while_it_is_asked_do_not_ask_again(story: Story, client: Client) -> None:
    crm = answered(story, {"success": True})
    story.signs_in(client)
    url = f"/signal/connections/{crm}/rule/"
    form = posted(client.post(url, ruled("succes")).content.decode(), "rule-editor")
    with story.worker():
        story.record("LATER", status="Attended")
        story.until("LATER", "success")
    assert client.post(url, form | {"do": ["save"]}).status_code == 302


def test_C7_a_path_that_some_answer_has_is_not_asked_about(story: Story, client: Client) -> None:
    crm = answered(story, {"ok": True}, {"errors": [{"code": 7}]}, "plain text")
    story.signs_in(client)
    action = story.action("R0")["id"]
    saved = client.post(f"/signal/connections/{crm}/rule/", ruled("errors[0].code", answer=f"{action}.1"))
    assert saved.status_code == 302
    assert "never matched" not in text_of(client.get(f"/signal/connections/{crm}/").content)


def test_C7_without_answers_nothing_is_asked(story: Story, client: Client) -> None:
    crm = story.connection("CRM", "/crm")
    story.signs_in(client)
    assert client.post(f"/signal/connections/{crm}/rule/", ruled("anything")).status_code == 302
    assert "never matched" not in text_of(client.get(f"/signal/connections/{crm}/").content)


def test_C7_headers_and_texts_that_are_not_JSON_are_said_too(story: Story, client: Client) -> None:
    crm = answered(story, "plain text")
    story.signs_in(client)
    url = f"/signal/connections/{crm}/rule/"
    assert "the newest answer is not JSON" in text_of(client.post(url, ruled("a")).content)
    assert "has no header X-Away" in text_of(client.post(url, ruled("X-Away") | {"c0-0-place": "header"}).content)
    assert client.post(url, ruled("Content-Type") | {"c0-0-place": "header"}).status_code == 302


def test_C7_a_stored_rule_that_can_never_match_is_pointed_out_and_keeps_its_meaning(story: Story, client: Client) -> None:
    rule = [{"if": [{"in": "json", "name": path, "is": ["false"]}], "then": "failed"} for path in ("$.success", "/errors/0", "$.a.b[0]")]
    crm = story.connection("CRM", "/crm", rule=rule)  # as it was stored before these notations were read
    story.signs_in(client)
    page = text_of(client.get(f"/signal/connections/{crm}/").content)
    for n, (name, meant) in enumerate((("$", "success"), ("/errors/0", "errors[0]"), ("$", "a.b[0]")), 1):
        assert f"Clause {n} looks for a field that is called “{name}”. If you meant {meant}, open the rule and write that." in page
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", Answer(body={"success": False}), Answer(body={"$": {"success": True}}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "success")  # what it meant when it was saved
        story.record("R2", status="Attended")
        story.until("R2", "success")
    page = text_of(client.get(f"/signal/connections/{crm}/").content)
    assert "Clause 1 looks" not in page  # some answer has such a field
    assert "Clause 2 looks" in page
    form = posted(client.get(f"/signal/connections/{crm}/rule/").content.decode(), "rule-editor")
    assert form["c0-0-name"] == ['["$"].success']


def test_C7_what_an_earlier_clause_decides_does_not_speak_against_a_later_one(story: Story) -> None:
    """As in a preset: 200 and "ok" is delivered, and errors come as JSON. Nothing is wrong while only the first was seen."""
    crm = answered(story, "ok", "ok")
    error = {"if": [{"in": "json", "name": "id", "is": ["invalid"]}], "then": "failed"}
    taken = {"if": [{"in": "status", "is": ["200"]}, {"in": "body", "is": ["ok"]}], "then": "delivered"}
    by_rule = [
        [each.answers for each in answers.unmatched_conditions(story.db, story.account, crm, answers.parse_rule(rule))]
        for rule in ([taken, error], [error])
    ]
    assert by_rule == [[0], [2]]


def test_C7_only_the_newest_answers_of_the_connection_are_looked_at(story: Story) -> None:
    crm = answered(story, *({"old": 1} for _ in range(3)))
    other = story.connection("Other", "/other")
    rule = answers.parse_rule([{"if": [{"in": "json", "name": "new", "is": ["1"]}], "then": "failed"}])
    (unmatched,) = answers.unmatched_conditions(story.db, story.account, crm, rule)
    assert (unmatched.clause, unmatched.answers, unmatched.json) == (0, 3, 3)
    assert [each.answers for each in answers.unmatched_conditions(story.db, story.account, other, rule)] == [0]
    assert [each.answers for each in answers.unmatched_conditions(story.db, story.account + 1, crm, rule)] == [0]


@pytest.mark.parametrize("person", ["r1", " r1", "r1  ", "\u00a0r1\t"])
def test_C7_a_registration_is_found_by_its_code_with_spaces_around_it(story: Story, client: Client, person: str) -> None:
    crm = answered(story, {"success": True}, {"success": False})
    story.signs_in(client)
    markup = client.post(f"/signal/connections/{crm}/rule/", {"do": "find", "person": person}).content.decode()
    offered = re.findall(r'<option value="\d+\.\d+"[^>]*>(.*?)</option>', markup, re.DOTALL)
    assert len(offered) == 1
    assert "R1" in offered[0]
    assert re.search(r'name="person"[^>]*value="r1"', markup), "as it was searched for"


@pytest.mark.parametrize("person", ["", "   ", "\u00a0\t"])
def test_C7_a_search_for_nothing_but_spaces_offers_all_answers_and_is_no_search(story: Story, client: Client, person: str) -> None:
    crm = answered(story, {"success": True}, {"success": False})
    story.signs_in(client)
    url = f"/signal/connections/{crm}/rule/"
    markup = client.post(url, {"do": "find", "person": person}).content.decode()
    assert len(re.findall(r'<option value="\d+\.\d+"', markup)) == 2
    empty = story.connection("Empty", "/empty")
    markup = client.post(f"/signal/connections/{empty}/rule/", {"do": "find", "person": person}).content.decode()
    assert 'name="person"' not in markup, "nothing can be found where nothing was answered"


@pytest.mark.parametrize(
    ("category", "cure"),
    [
        ("General", "Check the connection’s setup. Then submit it again, or wait for the next try."),
        ("Config", "Check the connection’s setup. Once that is saved, all are sent right away, in order."),
        ("Connection", "Usually passes automatically."),
    ],
)
def test_D6_what_a_rule_calls_a_failure_has_a_cure_and_a_link_to_the_setup(story: Story, client: Client, category: str, cure: str) -> None:
    crm = story.connection("CRM", "/crm", rule=[{**OK_FALSE, "category": category}])
    story.flow("All", [story.to(crm)])
    story.receiver.answer("/crm", Answer(body={"ok": False, "error": "no_text"}))
    with story.worker():
        story.record("R1", status="Attended")
        story.until("R1", "queued")
    for role in (Role.ADMINISTRATOR, Role.PLANNER):
        story.signs_in(client, role)
        for page in ("/signal/retry/", f"/signal/retry/{story.action('R1')['key']}/"):
            answer = client.get(page).content
            assert cure in text_of(answer), page
            link = f'href="/signal/connections/{crm}/">Open Connection Setup'
            assert (link in answer.decode()) == (role is Role.ADMINISTRATOR), (role, page)
