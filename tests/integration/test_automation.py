"""docs/guide/automation.md: from an empty account to a replay by what the chapter says, against a real server and a real target."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.databases import DatabaseFacts
from tests.processes import STARTING, Starter
from tests.receiver import Answer, Receiver

from heliograph.accounts.api_tokens import create_token
from heliograph.accounts.models import TokenScope
from heliograph.setup.services.account_creation import AccountFacts, create_account

CHAPTER: Final = Path(__file__).parents[2] / "docs" / "guide" / "automation.md"


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language in the chapter."""
    return re.findall(rf"^```{language}\n(.*?)^```$", CHAPTER.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.answer("/hook", Answer(200))
        receiver.answer("/hook/moved", Answer(404))
        yield receiver


@pytest.fixture
def environment(database: DatabaseFacts, heliograph: Starter, receiver: Receiver) -> dict[str, str]:
    account = create_account(AccountFacts("ACME", "Acme"), by="test").pk
    token = create_token(account, "automation", by="test", scopes=tuple(TokenScope)).secret
    host = heliograph.serves()
    return {"PATH": os.environ["PATH"], "HOST": host, "TOKEN": token, "TARGET": receiver.url("/hook")}


def test_the_chapters_commands_lead_from_an_empty_account_to_a_replay(environment: dict[str, str], receiver: Receiver) -> None:
    script = "set -eu -o pipefail\n" + "\n".join(blocks("sh"))
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=STARTING, check=False)
    assert done.returncode == 0, f"{done.stdout[-3_000:]}\n{done.stderr[-1_000:]}"
    bodies = [request.json() for request in receiver.wait_for(4, path="/hook")]
    assert [body["code"] for body in bodies[:2]] == ["S26-1", "S26-2"]
    assert sorted(body["code"] for body in bodies[2:]) == ["S26-1", "S26-2"], "the replay sends both once more"
    assert len(receiver.wait_for(1, path="/hook/moved")) == 1


def test_the_chapters_program_sends_a_registration_and_cures_a_failure(environment: dict[str, str], receiver: Receiver) -> None:
    (program,) = blocks("python")
    assert len(program.splitlines()) <= 40
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=STARTING, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.strip(), "the reason of the failure"
    assert [request.json()["code"] for request in receiver.wait_for(1, path="/hook")] == ["S26-1"]
