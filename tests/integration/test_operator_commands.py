"""The commands for operators, run as programs: they show and do what the pages and the REST API show and do."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import Any

import pytest
from django_scopes import scope
from tests.processes import Process, Starter
from tests.receiver import Answer, Receiver
from tests.replays import checked, running_jobs
from tests.retry_story import newest, queued, refused, runs
from tests.story import BY, Story

from heliograph.accounts.models import Account, AuditEntry
from heliograph.commands.operator_output import readable
from heliograph.commands.retry_commands import StatusName
from heliograph.jobs.models import JobState
from heliograph.replay import dry_run, replays
from heliograph.replay.replays import Stage
from heliograph.retry import submit_job
from heliograph.retry.retry_items import StatusChoice
from heliograph.setup.services.account_creation import AccountFacts, create_account


def answer(process: Process) -> Any:
    assert process.returncode == 0, process.output
    return json.loads(process.output.splitlines()[-1])


def sentence(process: Process) -> str:
    """What a refused command says: a sentence, and nothing else."""
    assert process.returncode == 1, process.output
    assert "Traceback" not in process.output
    return process.output


def test_a_shell_completes_the_commands(heliograph: Starter) -> None:
    script = heliograph.run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "_HELIOGRAPH_COMPLETE=complete_bash" in script.output
    completed = heliograph.run("--help", _HELIOGRAPH_COMPLETE="complete_bash", COMP_WORDS="heliograph flow ", COMP_CWORD="2")
    assert {"list", "show"} <= set(completed.output.split())


# --- flow


def test_F1_flow_lists_and_shows(story: Story, heliograph: Starter) -> None:
    crm = story.connection("Sales CRM", "/crm")
    leads = story.flow("Leads", [story.to(crm)], statuses=["Attended"])
    empty = story.flow("Empty", [])
    story.set_active(leads, False)
    listed = heliograph.run("flow", "list", "--account", "ACME")
    rows = {line.split()[0]: line for line in listed.output.splitlines()[1:]}
    assert rows.keys() == {str(leads), str(empty)}
    assert "Leads" in rows[str(leads)]
    assert "off" in rows[str(leads)]
    assert "incomplete" not in rows[str(leads)]
    assert "incomplete" in rows[str(empty)]
    (one,) = answer(heliograph.run("flow", "list", "--account", "ACME", "--connection", "sales crm", "--words", "attended", "--json"))
    assert (one["id"], one["name"], one["active"], one["complete"], one["figures"]["queued"]) == (str(leads), "Leads", False, True, 0)
    (lacking,) = answer(heliograph.run("flow", "list", "--account", "ACME", "--status", "incomplete", "--mode", "live", "--json"))
    assert lacking["id"] == str(empty)
    assert (
        "Nothing matches the search and filters. Change one of them."
        in heliograph.run("flow", "list", "--account", "ACME", "--words", "nothing").output
    )
    shown = heliograph.run("flow", "show", "leads", "--account", "ACME").output
    for text in (f"Leads ({leads}): Live, off, version 2", "Attended", "Sales CRM", "Lead", "Updates the same record (CRM)"):
        assert text in shown
    assert "Missing: A destination" in heliograph.run("flow", "show", str(empty), "--account", "ACME").output
    document = answer(heliograph.run("flow", "show", "Leads", "--account", "ACME", "--json"))
    assert (document["id"], document["version"], document["destinations"][0]["connection"]) == (str(leads), 2, str(crm))


def test_F1_flow_refuses_what_is_not_there(story: Story, heliograph: Starter) -> None:
    first, second = (story.flow("Twice", [story.to(story.connection(name, "/crm"))]) for name in ("One", "Two"))
    gone = story.flow("Gone", [])
    story.delete_flow(gone)
    assert "There is no account GLOBEX. Accounts: ACME." in sentence(heliograph.run("flow", "list", "--account", "GLOBEX"))
    assert "There is no connection 'Nope' in ACME" in sentence(heliograph.run("flow", "list", "--account", "ACME", "--connection", "Nope"))
    assert f"There is no flow 'Nope'. Flows: Twice ({first})" in sentence(heliograph.run("flow", "show", "Nope", "--account", "ACME"))
    assert f"Several flows are named 'Twice'. Give the id: {first}, {second}." in sentence(
        heliograph.run("flow", "show", "Twice", "--account", "ACME")
    )
    assert "This flow has been deleted." in sentence(heliograph.run("flow", "show", str(gone), "--account", "ACME"))
    with scope(account=story.account):
        Account.objects.filter(pk=story.account).update(signal_enabled=False)
    assert "Signal is off for the account ACME." in sentence(heliograph.run("flow", "list", "--account", "ACME"))


def test_F9_flow_explains_then_and_today(story: Story, heliograph: Starter) -> None:
    leads = story.flow("Leads", [story.to(story.connection("Sales CRM", "/crm"))], statuses=["Attended"])
    (change,) = story.record("R1", status="Cancelled").changes
    story.change_flow(leads, statuses=["Attended", "Cancelled"])
    of_change = heliograph.run("flow", "explain", "Leads", "--change", str(change), "--account", "ACME")
    assert of_change.returncode == 0, of_change.output
    assert f"Change {change}, " in of_change.output
    assert "Then: Not triggered: tagged Cancelled, which this flow does not act on." in of_change.output
    assert "Today: Triggered: one request to Sales CRM." in of_change.output
    assert "today: passed" in of_change.output
    assert "Needs Attended; it was Cancelled." in of_change.output
    last = heliograph.run("flow", "explain", str(leads), "--event", "SUMMIT", "--registration", "R1", "--account", "ACME")
    assert last.output == of_change.output
    document = answer(heliograph.run("flow", "explain", "Leads", "--change", str(change), "--account", "ACME", "--json"))
    assert (document["then"]["verdict"], document["today"]["verdict"], document["differs"]) == ("not_triggered", "triggered", True)
    assert f"There is no change {change + 99}." in sentence(
        heliograph.run("flow", "explain", "Leads", "--change", str(change + 99), "--account", "ACME")
    )
    assert "There is no registration 'R9' in the event 'SUMMIT'." in sentence(
        heliograph.run("flow", "explain", "Leads", "--event", "SUMMIT", "--registration", "R9", "--account", "ACME")
    )
    unclear = heliograph.run("flow", "explain", "Leads", "--event", "SUMMIT", "--account", "ACME")
    assert unclear.returncode == 2
    assert "give --change, or --event with" in unclear.output


def test_a_terminal_obeys_no_text() -> None:
    assert readable("Sales\x1b[2J\x9b \u2068CRM\u2069\u202e\nZoë 👩‍🚀") == "Sales[2J CRM\nZoë 👩‍🚀"


# --- registration


def test_X5_registration_shows_the_state_and_the_timeline(story: Story, receiver: Receiver, heliograph: Starter) -> None:
    receiver.answer("/crm", Answer(200), Answer(401))
    story.flow("Leads", [story.to(story.connection("Sales CRM", "/crm"))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë", answers={"dietary": ["Vegan"]}, sessions=[{"code": "KEYNOTE"}])
        story.until("R1", "success")
        story.record("R1", first="Zoé")
        story.until("R1", "success", "queued")
    shown = heliograph.run("registration", "show", "SUMMIT", "R1", "--account", "ACME")
    assert shown.returncode == 0, shown.output
    for text in ("SUMMIT R1, version 2: Attended, active", "Zoé", "Vegan", "session KEYNOTE", "First Name changed", "Leads: Triggered."):
        assert text in shown.output
    assert "Sent to Sales CRM, 200 in " in shown.output
    assert f"a{story.actions('R1')[-1]['id']}: Sales CRM answered 401 Unauthorized." in shown.output
    assert "Leads" not in heliograph.run("registration", "show", "SUMMIT", "R1", "--changes", "0", "--account", "ACME").output
    document = answer(heliograph.run("registration", "show", "SUMMIT", "R1", "--account", "ACME", "--json"))
    assert (document["code"], document["version"], document["profile"]["first_name"]) == ("R1", 2, "Zoé")
    assert "There is no registration 'R9' in the event 'SUMMIT'." in sentence(
        heliograph.run("registration", "show", "SUMMIT", "R9", "--account", "ACME")
    )
    create_account(AccountFacts("GLOBEX", "Globex", "UTC"), by=BY)
    assert "There is no registration 'R1'" in sentence(heliograph.run("registration", "show", "SUMMIT", "R1", "--account", "GLOBEX"))


# --- replay


@pytest.fixture
def flow(story: Story) -> int:
    """R1 was sent; R2 was not, since the flow left Cancelled out; R3 is still left out."""
    id = story.flow("Attended", [story.to(story.connection("CRM", "/crm"))], statuses=["Attended"])
    with story.worker():
        story.record("R1", status="Attended", first="Zoë")
        story.record("R2", status="Cancelled", first="Ife")
        story.record("R3", status="Pre-Registered")
        story.until("R1", "success")
    story.change_flow(id, statuses=["Attended", "Cancelled"])
    return id


def test_Y1_a_replay_from_its_dry_run_to_its_end(story: Story, flow: int, heliograph: Starter) -> None:
    waiting = heliograph("replay", "dry-run", "attended", "--from", "2020-01-01", "--account", "ACME")
    waiting.until_printed("`heliograph serve` runs it")
    replay = runs(newest(dry_run.KIND)).parameters["replay"]
    assert waiting.wait() == 0, waiting.output
    counts = dict(re.findall(r"^([A-Z][a-z ]+?) +([0-9]+)\b", waiting.output, re.MULTILINE))
    assert {name: counts[name] for name in ("New", "Different", "Same", "Filtered", "Replaced by newer data")} == {
        "New": "1",
        "Different": "0",
        "Same": "1",
        "Filtered": "1",
        "Replaced by newer data": "0",
    }
    assert f"heliograph replay start {replay} --account ACME" in waiting.output

    with story.worker(), running_jobs():
        started = answer(
            heliograph.run("replay", "start", str(replay), "--send", "new", "--reason", "A wider filter", "--account", "ACME", "--json")
        )
        assert (started["started_by"], started["reason"], started["rate"], started["results"]["chosen"]) == (
            "command",
            "A wider filter",
            600,
            1,
        )
        seen = heliograph.run("replay", "watch", str(replay), "--account", "ACME")
    assert seen.returncode == 0, seen.output
    assert f"Replay {replay} of Attended: Done" in seen.output
    assert story.bodies("/crm")[-1]["code"] == "R2"
    done = answer(heliograph.run("replay", "watch", str(replay), "--account", "ACME", "--json"))
    assert (done["stage"], done["results"]["success"], done["results"]["pending"]) == ("done", 1, 0)
    with scope(account=story.account):
        assert AuditEntry.objects.get(what="replayed").by == "command"
    assert "It was started already" in sentence(
        heliograph.run("replay", "start", str(replay), "--send", "new", "--reason", "Again", "--account", "ACME")
    )


def test_Y1_a_watched_replay_is_left_and_cancelled(story: Story, flow: int, heliograph: Starter) -> None:
    begun = answer(heliograph.run("replay", "dry-run", str(flow), "--event", "SUMMIT", "--no-wait", "--account", "ACME", "--json"))
    assert (begun["stage"], begun["by"]) == ("checking", "command")
    left = heliograph("replay", "watch", begun["id"], "--account", "ACME")
    left.until_printed("It starts in a moment.")
    os.kill(left.pid, signal.SIGINT)
    assert left.wait() == 130
    assert f"It goes on. heliograph replay watch {begun['id']} --account ACME" in left.output
    stopped = heliograph.run("replay", "cancel", begun["id"], "--account", "ACME")
    assert "Dry run stopped" in stopped.output
    assert heliograph.run("replay", "watch", begun["id"], "--account", "ACME").returncode == 1

    replay = str(checked(story, flow))
    heliograph.run("replay", "start", replay, "--send", "new", "--send", "same", "--reason", "A wider filter", "--account", "ACME")
    cancelled = answer(heliograph.run("replay", "cancel", replay, "--account", "ACME", "--json"))
    assert (cancelled["stage"], cancelled["cancelled_by"], cancelled["results"]["not_sent"]) == ("cancelled", "command", 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dry-run", "Nope", "--from", "2020-01-01"), "There is no flow 'Nope'. Flows: Attended ("),
        (("dry-run", "Attended"), "from: Give dates, an event, or both."),
        (
            ("dry-run", "Attended", "--from", "2020-01-02", "--to", "2020-01-01"),
            "to: The period ends before it begins. Choose a later end.",
        ),
        (("dry-run", "Attended", "--event", "Nope"), "There is no event 'Nope' in this account."),
        (("dry-run", "Attended", "--from", "2020-01-01", "--event", ""), "There is no event '' in this account."),
        (("dry-run", "Attended", "--event", "SUMMIT", "--status", "Nope"), "status: No status has this name."),
        (("start", "99", "--send", "new", "--reason", "Why"), "There is no replay 99."),
        (("watch", "99"), "There is no replay 99."),
        (("cancel", "99"), "There is no replay 99."),
    ],
)
def test_Y1_replay_refuses_what_is_not_there(story: Story, heliograph: Starter, arguments: tuple[str, ...], says: str) -> None:
    story.flow("Attended", [story.to(story.connection("CRM", "/crm"))])
    assert says in sentence(heliograph.run("replay", *arguments, "--account", "ACME"))


def test_Y1_another_accounts_replay_is_not_there(story: Story, flow: int, heliograph: Starter) -> None:
    replay = str(checked(story, flow))
    create_account(AccountFacts("GLOBEX", "Globex", "UTC"), by=BY)
    for arguments in (("watch",), ("cancel",), ("start", "--send", "new", "--reason", "Why")):
        process = heliograph.run("replay", arguments[0], replay, *arguments[1:], "--account", "GLOBEX")
        assert f"There is no replay {replay}." in sentence(process)
    assert replays.find(story.account, int(replay)).stage is Stage.CHECKED


# --- retry


def test_D8_retry_shows_and_submits(story: Story, receiver: Receiver, heliograph: Starter) -> None:
    refused(story, receiver, "R1", "R2", "R3")
    keys = {code: f"a{story.action(code)['id']}" for code in ("R1", "R2", "R3")}
    listed = heliograph.run("retry", "list", "--account", "ACME", "--connection", "sales crm", "--status", "waiting")
    rows = [line for line in listed.output.splitlines() if line.startswith("a")]
    assert [line.split()[0] for line in rows] == [keys["R3"], keys["R2"], keys["R1"]]
    assert all("Leads" in line and "Sales CRM answered 401 Unauthorized" in line for line in rows)
    assert "Matching: 3. In the queue: Retry 3, Error 0, Failed 0, Done 0." in listed.output
    (one,) = answer(heliograph.run("retry", "list", "--account", "ACME", "--words", "R2", "--event", "SUMMIT", "--flow", "Leads", "--json"))
    assert (one["id"], one["registration"]["code"], one["http_status"]) == (keys["R2"], "R2", 401)
    assert answer(heliograph.run("retry", "list", "--account", "ACME", "--status", "failed", "--json")) == []
    shown = heliograph.run("retry", "show", keys["R1"], "--account", "ACME")
    for text in ("R1", "SUMMIT", "Leads, version 1", "First attempt", "Failed", "401 Unauthorized", "3 items have this cause"):
        assert text in shown.output
    document = answer(heliograph.run("retry", "show", keys["R1"], "--account", "ACME", "--json"))
    assert (document["attempts"], document["alike"]["number"], document["status"]) == (1, 3, "Retry")
    receiver.answer("/crm", Answer(200))
    submitted = answer(heliograph.run("retry", "submit", keys["R1"], "--account", "ACME", "--json"))
    assert submitted == {"submitted": [keys["R1"]], "refused": []}
    with story.worker():
        story.until("R1", "success")
    half = heliograph.run("retry", "submit", keys["R2"], keys["R1"], "a999999", "--account", "ACME")
    assert half.returncode == 1
    assert "Submitted: 1." in half.output
    assert f"{keys['R1']}: " in half.output
    assert "a999999: " in half.output
    with story.worker():
        story.until("R2", "success")
    assert story.states().count("queued") == 1


def test_D8_retry_submits_all_that_match_and_waits_for_the_job(story: Story, receiver: Receiver, heliograph: Starter) -> None:
    refused(story, receiver, "R1", "R2", "R3")
    begun = answer(heliograph.run("retry", "submit", "--all", "--words", "R1", "--account", "ACME", "--no-wait", "--json"))
    assert (begun["state"], begun["kind"], begun["by"], begun["total"]) == ("queued", "retry-items", "command", 1)
    assert runs(newest(submit_job.KIND)).counts == {"done": 1, "left": 0}
    waiting = heliograph("retry", "submit", "--all", "--flow", "Leads", "--account", "ACME")
    waiting.until_printed("`heliograph serve` runs it")
    assert runs(newest(submit_job.KIND)).state == JobState.DONE
    assert waiting.wait() == 0, waiting.output
    assert "Submitted: 3." in waiting.output
    receiver.answer("/crm", Answer(200))
    with story.worker():
        queued(story, 0)
    assert "You cannot submit items that are done." in sentence(
        heliograph.run("retry", "submit", "--all", "--status", "done", "--account", "ACME")
    )


def test_D8_ctrl_c_leaves_the_job_running(story: Story, receiver: Receiver, heliograph: Starter) -> None:
    refused(story, receiver, "R1")
    left = heliograph("retry", "submit", "--all", "--account", "ACME")
    left.until_printed("It starts in a moment.")
    os.kill(left.pid, signal.SIGINT)
    assert left.wait() == 130
    job = newest(submit_job.KIND)
    assert f"It goes on. heliograph jobs show {job.pk}" in left.output
    assert job.state == JobState.QUEUED
    assert runs(job).counts == {"done": 1, "left": 0}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("retry", "list", "--account", "GLOBEX"), "There is no account GLOBEX. Accounts: ACME."),
        (("retry", "list", "--account", "ACME", "--flow", "Nope"), "There is no flow 'Nope'. Flows: Leads ("),
        (("retry", "submit", "--all", "--account", "ACME", "--flow", ""), "There is no flow ''. Flows: Leads ("),
        (("retry", "submit", "--all", "--account", "ACME", "--event", ""), "There is no event '' in this account."),
        (("retry", "submit", "--all", "--account", "ACME", "--connection", ""), "There is no connection '' in ACME."),
        (("retry", "list", "--account", "ACME", "--event", "Nope"), "There is no event 'Nope' in this account."),
        (("retry", "list", "--account", "ACME", "--connection", "Nope"), "There is no connection 'Nope' in ACME. Connections: Sales CRM."),
        (("retry", "show", "a999999", "--account", "ACME"), "There is no item a999999 in ACME."),
        (("retry", "show", "nothing", "--account", "ACME"), "There is no item nothing in ACME."),
    ],
)
def test_D8_retry_refuses_what_is_not_there(story: Story, heliograph: Starter, arguments: tuple[str, ...], says: str) -> None:
    story.flow("Leads", [story.to(story.connection("Sales CRM", "/crm"))])
    assert says in sentence(heliograph.run(*arguments))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "ids of items, or --all"),
        (("a1", "--all"), "ids of items, or --all"),
        (("a1", "--words", "R1"), "filters go with --all"),
        (("a1", "--flow", ""), "filters go with --all"),
        (("--all", "--words", " "), "Invalid value for '--words': it is empty"),
    ],
)
def test_D8_retry_submit_needs_to_know_what(heliograph: Starter, arguments: tuple[str, ...], says: str) -> None:
    process = heliograph.run("retry", "submit", *arguments, "--account", "ACME")
    assert process.returncode == 2
    assert says in process.output


def test_D6_the_statuses_are_those_of_the_page() -> None:
    assert {each.value for each in StatusName} == {each.value for each in StatusChoice}


def test_D8_another_accounts_item_is_not_there(story: Story, receiver: Receiver, heliograph: Starter) -> None:
    refused(story, receiver, "R1")
    item = f"a{story.action('R1')['id']}"
    create_account(AccountFacts("GLOBEX", "Globex", "UTC"), by=BY)
    assert f"There is no item {item} in GLOBEX." in sentence(heliograph.run("retry", "show", item, "--account", "GLOBEX"))
    assert "Submitted: 0." in sentence(heliograph.run("retry", "submit", item, "--account", "GLOBEX"))
    assert answer(heliograph.run("retry", "list", "--account", "GLOBEX", "--json")) == []
    assert story.states() == ["queued"]
