"""The commands for operators, run as programs: they show and do what the pages and the REST API show and do."""

from __future__ import annotations

import json
from typing import Any

from django_scopes import scope
from tests.processes import Process, Starter
from tests.receiver import Answer, Receiver
from tests.story import BY, Story

from heliograph.accounts.models import Account
from heliograph.commands.operator_output import readable
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
    assert "No flow is like this." in heliograph.run("flow", "list", "--account", "ACME", "--words", "nothing").output
    shown = heliograph.run("flow", "show", "leads", "--account", "ACME").output
    for text in (f"Leads ({leads}): Live, off, version 2", "Attended", "Sales CRM", "Lead", "Updates a record"):
        assert text in shown
    assert "Missing: Destination: none yet" in heliograph.run("flow", "show", str(empty), "--account", "ACME").output
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
    assert "Wanted Attended. Was Cancelled." in of_change.output
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
