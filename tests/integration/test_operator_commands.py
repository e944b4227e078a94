"""The commands for operators, run as programs: they show and do what the pages and the REST API show and do."""

from __future__ import annotations

import json
from typing import Any

from django_scopes import scope
from tests.processes import Process, Starter
from tests.story import Story

from heliograph.accounts.models import Account
from heliograph.commands.operator_output import readable


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


def test_a_terminal_obeys_no_text() -> None:
    assert readable("Sales\x1b[2J\x9b \u2068CRM\u2069\u202e\nZoë 👩‍🚀") == "Sales[2J CRM\nZoë 👩‍🚀"
