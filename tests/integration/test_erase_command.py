"""`heliograph registration erase`: what it shows, what it asks for, and what it does (B7)."""

from __future__ import annotations

import json

from tests.processes import Starter
from tests.story import Story

from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.registrations.erasures import erasure_job

PERSON = {"first_name": "Noor", "last_name": "Haddad", "email": "noor@example.org"}


def test_B7_the_command_shows_what_is_known_and_erases_once_it_is_confirmed(story: Story, heliograph: Starter) -> None:
    story.flow("Leads", [story.to(story.connection("CRM", "/crm"))])
    with story.worker():
        story.record("R1", status="Attended", profile=PERSON)
        story.until("R1", "success")
    command = ("registration", "erase", "SUMMIT", "R1", "--account", "ACME")
    shown = heliograph.run(*command)
    assert shown.returncode == 1
    for words in ("R1 in SUMMIT", "CRM", "Nothing is erased yet", "--confirm noor@example.org"):
        assert words in shown.output, shown.output
    refused = heliograph.run(*command, "--confirm", "R1")
    assert (refused.returncode, "This is not noor@example.org." in refused.output) == (1, True), refused.output
    missing = heliograph.run("registration", "erase", "SUMMIT", "R9", "--account", "ACME", "--confirm", "R9")
    assert (missing.returncode, "There is no registration 'R9'" in missing.output) == (1, True)
    begun = heliograph.run(*command, "--confirm", "noor@example.org", "--reference", "DSR-7", "--no-wait", "--json")
    assert begun.returncode == 0, begun.output
    erasure = json.loads(begun.output.splitlines()[-1])
    assert (erasure["reference"], erasure["by"], erasure["ended"]) == ("DSR-7", "command", None)
    Runner(JobKinds([erasure_job.kind()])).run_one(int(erasure["job"]))
    assert story.db.all("SELECT code FROM registration") == [(f"erased-{story.registrations['R1']}",)]
