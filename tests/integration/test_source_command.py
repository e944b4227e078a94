"""A source runs an operator's program: its records become registrations, its state moves with them, and its bounds hold (S6)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests.builders.command_source import PROGRAM, TOKEN, Commands, CommandSource, command_source
from tests.builders.platform_account import PlatformAccount, planned
from tests.databases import DatabaseFacts
from tests.forms import posted
from tests.page_text import text_of

from heliograph.accounts.models import Role
from heliograph.jobs.models import JobState
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.command_job import CommandSettings
from heliograph.sources.commands_file import CommandsError, commands_of, read_commands
from heliograph.sources.services import command_runs
from heliograph.sources.services.sources import add_source

BY = "user:1"
ROWS = {f"P-{number}": f"Firm {number}" for number in range(8)}


@pytest.fixture
def commands(tmp_path: Path, settings: Any) -> Commands:
    commands = Commands(tmp_path)
    commands.print_rows(ROWS)
    commands.offer()
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"commands": commands.file, "data": tmp_path / "data"})
    return commands


@pytest.fixture
def site(database: DatabaseFacts) -> Iterator[PlatformAccount]:
    with planned(database) as site:
        yield site


@pytest.fixture
def source(site: PlatformAccount, commands: Commands) -> CommandSource:
    return command_source(site.store, site.pk)


def test_S6_records_become_registrations_and_the_next_run_gets_the_state(source: CommandSource, commands: Commands) -> None:
    job = source.run()
    assert (job.state, source.row.failure) == (JobState.DONE, "")
    assert source.firms() == ROWS
    assert source.progress.state == {"upto": 6}
    assert source.progress.is_filled
    assert source.row.quiet_until is not None  # the first run
    assert (job.result["records"], job.result["news"]) == (8, 8)
    more = ROWS | {"P-8": "Firm 8", "P-9": "Firm 9"}
    commands.print_rows(more)
    quiet_until, calls = source.row.quiet_until, source.calls()
    again = source.run()
    assert again.pk == job.pk  # one row for all runs
    assert (again.result["records"], again.result["news"]) == (4, 2)  # after the state; two of them are known
    assert source.firms() == more
    assert (source.progress.state, source.progress.passed) == ({"upto": 9}, 2)
    assert (source.row.quiet_until, source.calls()) == (quiet_until, calls + 2)
    source.set_back()
    assert source.run().result["news"] == 0
    assert source.calls() == calls + 2  # what is known is not stored again
    assert not list((commands.folder / "data" / "commands").iterdir())


def test_S6_a_program_that_fails_keeps_what_it_printed_before(
    source: CommandSource, commands: Commands, client: Client, site: PlatformAccount
) -> None:
    commands.print_rows(ROWS, wrong="end", at=5)
    for number in range(1, 4):
        job = source.run()
        assert job.state == JobState.DONE
        row = source.row
        assert (row.failures, source.progress.state) == (number, {"upto": 3})
    assert sorted(source.firms()) == ["P-0", "P-1", "P-2", "P-3", "P-4"]
    words = json.loads(row.failure)["words"]
    assert words.startswith("People of the CRM ended with 3. The last line that it logged: the platform refused")
    assert TOKEN not in row.failure + json.dumps(job.result)
    assert "the platform refused" in job.result["log"]
    site.signs_in(client)
    assert "ended with 3" in text_of(client.get("/signal/retry/").content)
    page = client.get(f"/settings/sources/{source.id}/").content.decode()
    assert "ended with 3" in page
    assert TOKEN not in page
    commands.print_rows(ROWS)
    source.run()
    assert source.firms() == ROWS
    assert source.row.failures == 0


@pytest.mark.parametrize(
    ("wrong", "bounds", "words"),
    [
        ("line", {}, "Line 7 of what it printed cannot be used: it is no JSON"),
        ("silent", {"timeout": 1}, "was stopped: it ran longer than 1 seconds"),
        ("output", {"output": 1}, "was stopped: it printed more than 1 MB"),
        ("long", {}, "it is longer than 1 MB"),
        ("memory", {"memory": 256}, "ended with 1"),
    ],
)
def test_S6_bounds_and_lines_that_cannot_be_used_end_a_run(
    source: CommandSource, commands: Commands, wrong: str, bounds: dict[str, int], words: str
) -> None:
    commands.print_rows(ROWS, wrong=wrong, at=4)
    commands.offer(**bounds)
    source.run()
    assert words in source.row.failure
    assert source.progress.state == (None if wrong == "memory" else {"upto": 3} if wrong == "line" else {"upto": 6})
    assert not list((commands.folder / "data" / "commands").glob("*"))


def test_S6_what_a_program_started_ends_with_it(source: CommandSource, commands: Commands) -> None:
    commands.print_rows(ROWS, wrong="children")
    commands.offer(timeout=2)
    source.run()
    assert source.firms() == ROWS
    assert "longer than 2 seconds" in source.row.failure  # the child holds its output open
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if _is_sleep(path)]


def _is_sleep(path: Path) -> bool:
    try:
        return path.read_bytes() == b"sleep\x00600\x00" and path.parent.stat().st_uid == os.getuid()
    except OSError:
        return False


def test_S6_the_end_of_a_long_log_is_kept_without_secrets(source: CommandSource, commands: Commands) -> None:
    commands.print_rows(ROWS, wrong="log")
    log = source.run().result["log"]
    assert TOKEN not in log
    assert TOKEN[-8:] not in log
    assert len(log) <= 64 * 1024
    assert log.rstrip().endswith("with …")
    assert "line 19999 of a long log" in log


def test_S6_a_page_only_chooses_a_name_that_the_operator_offers_to_the_account(
    source: CommandSource, commands: Commands, site: PlatformAccount, client: Client
) -> None:
    commands.offer(accounts=["OTHER"])
    source.run()
    assert "is not offered to this account any more" in source.row.failure
    assert source.firms() == {}
    with pytest.raises(Invalid, match="not offered"), saving(site.pk, by=BY) as transaction:
        command_runs.save_command(transaction, source.id, CommandSettings("people", 5))
    site.signs_in(client)
    page = f"/settings/sources/{source.id}/command/"
    for name in ("people", "/bin/sh", "../people", str(PROGRAM)):
        answer = client.post(page, {"name": name, "every": "5"})
        assert answer.status_code == 422
    assert "No program is offered" in text_of(client.get(page).content)
    site.signs_in(client, Role.PLANNER)
    assert client.get(page).status_code == 403
    assert client.post(f"/settings/sources/{source.id}/run/").status_code == 403


def test_S6_a_source_is_added_sampled_and_run_by_the_pages(site: PlatformAccount, commands: Commands, client: Client) -> None:
    site.signs_in(client)
    assert "Program" in text_of(client.get("/settings/sources/new/").content)
    answer = client.post("/settings/sources/new/command/", {"name": "Members"})
    id = int(answer["Location"].strip("/").split("/")[2])
    page = f"/settings/sources/{id}/"
    assert answer["Location"] == f"{page}command/"
    form = posted(client.get(answer["Location"]).content.decode(), "command") | {"name": ["people"], "every": ["15"]}
    assert client.post(f"{page}command/", form)["Location"] == page
    answer = client.post(f"{page}run/", follow=True)
    assert "8 records are kept for the mapping." in text_of(answer.content)
    assert "record.firm" in client.get(f"{page}mapping/").content.decode()
    commands.print_rows({})
    assert "It printed no record." in text_of(client.post(f"{page}run/", follow=True).content)
    commands.print_rows(ROWS, wrong="line", at=2)
    assert "cannot be used" in text_of(client.post(f"{page}run/", follow=True).content)
    source = CommandSource(site.store, site.pk, id)
    assert json.loads(source.row.settings) == {"command": {"name": "people", "every": 15}}


def test_S6_another_program_begins_without_a_state(source: CommandSource, commands: Commands, site: PlatformAccount) -> None:
    source.run()
    commands.file.write_text(commands.file.read_text() + commands.file.read_text().replace("commands.people", "commands.others"))
    with saving(site.pk, by=BY) as transaction:
        command_runs.save_command(transaction, source.id, CommandSettings("people", 15))
    assert source.progress.state == {"upto": 6}
    with saving(site.pk, by=BY) as transaction:
        command_runs.save_command(transaction, source.id, CommandSettings("others", 15))
    assert source.progress.state is None
    assert source.run().result["news"] == 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("commands = 7", "expected at most"),
        ("[commands.a]\nargv = ['/bin/true']", "commands.a.accounts: names the accounts"),
        ("[commands.a]\nargv = ['true']\naccounts = ['*']", "commands.a.argv: begins with the absolute path"),
        ("[commands.a]\nargv = '/bin/true'\naccounts = ['*']", "commands.a.argv: expected a list"),
        ("[commands.A-B]\nargv = ['/bin/true']\naccounts = ['*']", "a name has up to 60 small letters"),
        ("[commands.a]\nargv = ['/bin/true']\naccounts = ['*']\nshell = true", "commands.a.shell: is not known"),
        ("[commands.a]\nargv = ['/bin/true']\naccounts = ['*']\ntimeout = 0", "commands.a.timeout: expected a whole number"),
        ("[commands.a]\nargv = ['/bin/true']\naccounts = ['*']\nconfig = 'c.json'", "commands.a.config: is an absolute path"),
        ("[commands.a]\nargv = ['/bin/true']\naccounts = ['*']\nenvironment = {'A-B' = '1'}", "is no name of a variable"),
        ("[commands", "cannot be read"),
    ],
)
def test_S6_a_file_of_commands_that_cannot_be_used_says_where(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "commands.toml"
    path.write_text(text)
    with pytest.raises(CommandsError) as caught:
        read_commands(path)
    assert words in str(caught.value)


def test_S6_a_program_that_is_not_there_says_so(source: CommandSource, commands: Commands) -> None:
    commands.offer("/opt/taps/none/bin/tap")
    source.run()
    assert "/opt/taps/none/bin/tap: No such file or directory" in source.row.failure
    commands.offer(config=str(commands.folder / "gone.json"))
    source.run()
    assert "The configuration of People of the CRM is not there" in source.row.failure


def test_S6_without_a_file_of_the_operator_there_is_no_such_source(site: PlatformAccount, client: Client) -> None:
    assert commands_of("MAIN") == {}
    with pytest.raises(Invalid, match="HELIOGRAPH_COMMANDS"), saving(site.pk, by=BY) as transaction:
        add_source(transaction, "command", "Members")
    site.signs_in(client)
    assert client.post("/settings/sources/new/command/", {"name": "Members"}).status_code == 422


def test_S6_doctor_says_what_is_wrong_with_the_file(database: DatabaseFacts, commands: Commands) -> None:
    def programs() -> dict[str, Any]:
        env = database.env(HELIOGRAPH_COMMANDS=str(commands.file), HELIOGRAPH_FOLDERS=str(commands.folder))
        said = subprocess.run([sys.executable, "-m", "heliograph", "doctor", "--json"], env=env, capture_output=True, check=False)
        checks = {each["name"]: each for each in json.loads(said.stdout)["checks"]}
        assert checks["watched folders"]["ok"]
        found: dict[str, Any] = checks["programs"]
        return found

    assert programs()["ok"]
    commands.offer("/opt/taps/none/bin/tap")
    assert "/opt/taps/none/bin/tap, which cannot be run" in programs()["sentence"]
    commands.file.write_text("[commands.a]\nargv = ['true']\naccounts = ['*']")
    assert "begins with the absolute path" in programs()["sentence"]
