"""docs/running/configuration-by-pull-request.md: its shell as it stands there, against a real server, and a receiver in the place of GitHub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.databases import DatabaseFacts
from tests.processes import STARTING, Starter
from tests.receiver import Answer, Receiver

from heliograph.accounts.api_tokens import create_token
from heliograph.accounts.models import TokenScope
from heliograph.api.configuration.configuration_file import TOP, VERSION_MEMBER
from heliograph.api.configuration.configuration_text import read_text
from heliograph.api.configuration.event_sections import EVENT_SETUP
from heliograph.setup.services.account_creation import AccountFacts, create_account

PAGE: Final = Path(__file__).parents[2] / "docs" / "running" / "configuration-by-pull-request.md"
GUIDE: Final = Path(__file__).parents[2] / "docs" / "guide" / "configuration.md"
COMMENTS: Final = "/repos/brightfield/configuration/issues/7/comments"


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text("utf-8"), re.DOTALL | re.MULTILINE)


WORKFLOW: Final[dict[str, Any]] = yaml.safe_load(blocks(PAGE, "yaml")[0])
FILE: Final = blocks(GUIDE, "yaml")[0]
SECRETS: Final = (
    '{"HELIOGRAPH_SECRET_SALES_CRM_URL": "https://crm.example.org/leads", "HELIOGRAPH_SECRET_SALES_CRM_PASSWORD": "s3cret",'
    ' "sales-crm-key": "k3y"}'
)


@pytest.fixture
def github() -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.answer(COMMENTS, Answer(201))
        yield receiver


class Runner:
    """Runs the jobs of the workflow as GitHub does: each step's shell by bash -e, with the job's variables."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder, self.variables = folder, {"PATH": os.environ["PATH"], **variables}

    def run(self, job: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs the steps of a job until one fails. Returns the last one."""
        assert {*WORKFLOW["jobs"][job]["env"]} <= {*self.variables, *variables}
        for step in (step for step in WORKFLOW["jobs"][job]["steps"] if "run" in step):
            done = self.shell(step["run"], **variables)
            if done.returncode:
                break
        return done

    def shell(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.variables | variables,
            capture_output=True,
            text=True,
            timeout=STARTING,
            check=False,
        )


@pytest.fixture
def runner(database: DatabaseFacts, heliograph: Starter, github: Receiver, tmp_path: Path) -> Runner:
    account = create_account(AccountFacts("ACME", "Acme"), by="test").pk
    reads = create_token(account, "GitHub: plan", by="test", scopes=(TokenScope.READ,)).secret
    sets_up = create_token(account, "GitHub: apply configuration", by="test", scopes=(TokenScope.READ, TokenScope.SET_UP)).secret
    (tmp_path / "account.yaml").write_text(FILE, "utf-8")
    variables = {
        "HELIOGRAPH": heliograph.serves(),
        "GITHUB_API_URL": github.url("").rstrip("/"),
        "GITHUB_REPOSITORY": "brightfield/configuration",
    }
    variables |= {"GITHUB_TOKEN": "of-github", "NUMBER": "7", "TOKEN": reads, "SETS_UP": sets_up, "ALLOW_WIDER": "false", "SECRETS": ""}
    return Runner(tmp_path, variables)


def comment(github: Receiver, number: int) -> str:
    """The comment of this number on the pull request."""
    return str(github.wait_for(number, path=COMMENTS)[number - 1].json()["body"])


def test_B5_a_pull_request_is_planned_as_a_comment_and_merging_it_applies_the_file(runner: Runner, github: Receiver) -> None:
    refused = runner.run("plan")
    assert refused.returncode != 0, "a new connection needs its secrets"
    assert "The file cannot be applied:\n- connections, Sales CRM:" in comment(github, 1)

    planned = runner.run("plan", SECRETS=SECRETS)
    assert planned.returncode == 0, planned.stderr
    text = comment(github, 2)
    assert re.match(r"Plan: \d\d changes\n", text)
    assert "- add flows “Leads to the CRM”\n  - now: –\n  - then: Live: when a status becomes Registered" in text
    assert "s3cret" not in text

    forbidden = runner.run("apply", SECRETS=SECRETS)
    assert forbidden.returncode != 0, "the token that plans cannot apply"
    assert "403" in forbidden.stdout or "scope" in forbidden.stdout
    merged = runner.run("apply", SECRETS=SECRETS, TOKEN=runner.variables["SETS_UP"])
    assert merged.returncode == 0, merged.stdout
    assert '"version":1' in merged.stdout

    file = runner.folder / "account.yaml"
    file.write_text(FILE.replace("      - {field: event.code, op: is any of, values: [SUMMIT-26]}\n", ""), "utf-8")
    assert runner.run("plan").returncode == 0
    assert "- change flows “Leads to the CRM” – **must be allowed**\n  - now:" in comment(github, 3)
    wider = runner.run("apply", TOKEN=runner.variables["SETS_UP"])
    assert wider.returncode != 0
    assert "Flows would act on more" in wider.stdout
    assert runner.run("apply", TOKEN=runner.variables["SETS_UP"], ALLOW_WIDER="true").returncode == 0


def test_B5_the_commands_on_the_host_do_the_same(runner: Runner, heliograph: Starter) -> None:
    (script,) = blocks(PAGE, "sh")
    (runner.folder / "secrets").mkdir()
    (runner.folder / "secrets" / "sales-crm-key").write_text("k3y\n")
    values = {"HELIOGRAPH_SECRET_SALES_CRM_URL": "https://crm.example.org/leads", "HELIOGRAPH_SECRET_SALES_CRM_PASSWORD": "s3cret"}
    variables = heliograph.database.env() | values | {"ACCOUNT": "ACME", "CREDENTIALS_DIRECTORY": str(runner.folder / "secrets")}
    variables["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = runner.shell(script, **variables)
    assert done.returncode == 0, f"{done.stdout[-2_000:]}{done.stderr[-2_000:]}"
    assert "Applied as version 1." in done.stdout
    assert "No changes" in done.stdout


def test_the_guides_file_has_every_section() -> None:
    """docs/guide/configuration.md; that it can be applied is what the tests above show."""
    content = read_text(FILE)
    assert content.keys() == {VERSION_MEMBER, *TOP}
    (event,) = content["events"]
    assert {section.name for section in EVENT_SETUP} <= event.keys()
