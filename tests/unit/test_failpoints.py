"""Instants at which a trial has a process die, and the faults that it provokes (B6)."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from heliograph import failpoints
from heliograph.failpoints import Instant
from heliograph.verify.faults import Fault, course, impossible

PAGE = Path("docs/reference/verify.md")


def reach(folder: str, instant: Instant) -> int:
    """The exit code of a process that comes to the instant."""
    script = f"from heliograph import failpoints; failpoints.reach(failpoints.Instant.{instant.name})"
    environment = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment | ({failpoints.VARIABLE: folder} if folder else {}), check=False
    ).returncode


def test_B6_a_process_dies_once_at_an_armed_instant_and_at_no_other(tmp_path: Path) -> None:
    armed = tmp_path / Instant.REQUEST_NOTED
    armed.touch()
    assert reach(str(tmp_path), Instant.ANSWER_ARRIVED) == 0
    assert reach(str(tmp_path), Instant.REQUEST_NOTED) == -signal.SIGKILL
    assert not armed.exists()
    assert reach(str(tmp_path), Instant.REQUEST_NOTED) == 0


def test_B6_without_the_variable_nothing_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / Instant.REQUEST_NOTED).touch()
    assert reach("", Instant.REQUEST_NOTED) == 0
    assert failpoints.FOLDER == ""


@pytest.mark.parametrize("instant", Instant)
def test_B6_each_instant_is_in_the_code_and_in_the_docs(instant: Instant) -> None:
    call = f"failpoints.reach(failpoints.Instant.{instant.name})"
    assert any(call in file.read_text("utf-8") for file in Path("src/heliograph").rglob("*.py"))
    assert f"| `{instant}` | {failpoints.MEANINGS[instant][0].upper()}{failpoints.MEANINGS[instant][1:]}. |" in PAGE.read_text("utf-8")


def test_B6_each_fault_is_in_the_docs() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) >= set(Fault) | set(Instant)


def test_B6_a_course_has_each_fault_and_each_instant_as_often_as_asked() -> None:
    order = course(7, {Fault.STOP, Fault.FAILPOINTS}, 2, random.Random(1))
    assert order.count((Fault.KILL, None)) == 7
    assert order.count((Fault.STOP, None)) == 2
    assert all(order.count((Fault.FAILPOINTS, instant)) == 2 for instant in Instant)
    assert len(order) == 7 + 2 + 2 * len(Instant)
    assert course(2, (), 3, random.Random(1)) == [(Fault.KILL, None)] * 2


def test_B6_what_cannot_be_provoked_has_a_reason() -> None:
    server = {Fault.DATABASE_RESTART, Fault.DATABASE_STALL}
    clock = impossible(on_sqlite=False, own_server=True, disk_trouble="").keys()
    assert clock <= {Fault.CLOCK_JUMP}
    assert impossible(on_sqlite=True, own_server=False, disk_trouble="").keys() - clock == server
    assert impossible(on_sqlite=False, own_server=False, disk_trouble="").keys() - clock == server | {Fault.FULL_DISK}
    assert impossible(on_sqlite=True, own_server=False, disk_trouble="no namespaces")[Fault.FULL_DISK] == "no namespaces"
