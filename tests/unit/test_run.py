"""`make test` on a release that lacks a program: it is named, its tests are listed as not run, and everything else runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests import needed, run

ROOT = Path(__file__).parents[2]
BOOKWORM = """\
postgresql:
  Installed: (none)
  Candidate: 15+248+deb12u1
  Version table:
     15+248+deb12u1 500
webhook:
  Installed: 2.8.0-2
  Candidate: 2.8.0-2
virtual:
  Installed: (none)
  Candidate: (none)
"""
TESTS = """
import pytest
@pytest.mark.needs("ntfy")
def test_of_ntfy(): raise AssertionError
def test_in_a_browser(page): raise AssertionError
def test_else(): pass
"""


def test_what_apt_can_install_is_read_from_its_policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a package that a release does not know, such as ntfy in Debian 12, apt-cache says nothing at all."""
    (tmp_path / "policy").write_text(BOOKWORM)
    (tmp_path / "apt-cache").write_text(f"#!/bin/sh\ncat {tmp_path}/policy\n")
    (tmp_path / "apt-cache").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert needed.candidates({"postgresql", "ntfy", "webhook", "virtual"}) == {"postgresql", "webhook"}


@pytest.mark.parametrize("rights", ["root", "nobody"])
def test_what_the_release_lacks_is_named_and_nothing_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rights: str) -> None:
    (tmp_path / "policy").write_text(BOOKWORM)
    for name, does in (("apt-cache", f"cat {tmp_path}/policy"), ("apt-get", f'echo "$@" >> {tmp_path}/done')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if rights == "root" else 1000)
    lacking = needed.provided([needed.Needed("ntfy", "ntfy", "ntfy, a real target", lambda: False)])
    assert lacking.keys() == {"ntfy"}
    assert "has no package ntfy" in lacking["ntfy"]
    assert not (tmp_path / "done").exists() or "install" not in (tmp_path / "done").read_text()


@pytest.mark.parametrize(
    ("offered", "here", "installed"),
    [
        ("chromium chromium-headless-shell", "", "chromium-headless-shell"),
        ("chromium", "", "chromium"),
        ("chromium chromium-headless-shell webhook", "chromium", "webhook chromium-headless-shell"),
        ("chromium webhook", "chromium", "webhook"),
    ],
)
def test_a_package_that_does_the_same_with_less_work_is_taken_where_the_release_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, offered: str, here: str, installed: str
) -> None:
    """With nothing else to install, what is here is enough: nobody waits for it, and a machine without a network is not asked for one."""
    policy = "".join(f"printf '{name}:\\n  Candidate: 156\\n'\n" for name in offered.split())
    for name, does in (("apt-cache", policy), ("apt-get", f'echo "$@" >> {tmp_path}/done')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name) if name in {here, "apt-get"} else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    wanted = [] if here else [needed.Needed("chromium", "chromium", "Chromium", lambda: False, rather="chromium-headless-shell")]
    if "webhook" in offered:
        wanted.append(needed.Needed("webhook", "webhook", "webhook, a real target", lambda: False))
    needed.provided(wanted)
    assert (tmp_path / "done").read_text().splitlines()[-1] == f"install -qy --no-install-recommends {installed}"
    (tmp_path / "done").unlink()
    assert needed.provided([]) == {}
    assert not (tmp_path / "done").exists()


def test_who_may_not_install_is_told_what_is_needed_and_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apt-cache").write_text("#!/bin/sh\nprintf 'webhook:\\n  Candidate: 2.8.0-2\\n'\n")
    (tmp_path / "apt-get").write_text("#!/bin/sh\nexit 1\n")
    for name in ("apt-cache", "apt-get"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    wanted = [needed.Needed(name, name, f"{name}, a real target", lambda: False) for name in ("ntfy", "webhook")]
    with pytest.raises(SystemExit, match=r"need webhook, a real target.*HELIOGRAPH_TEST_WITHOUT=webhook"):
        needed.provided(wanted)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(SystemExit, match=r"apt-get update -q` ended with 1"):
        needed.provided(wanted)


def test_tests_that_cannot_run_are_listed_with_the_reason_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_made.py").write_text(TESTS)
    counts = tmp_path / "counts.json"
    environment = {
        **os.environ,
        needed.WITHOUT: "ntfy,chromium",
        "HELIOGRAPH_TEST_COUNTS": str(counts),
        "HELIOGRAPH_TEST_DATABASE": "sqlite",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "tests.conftest",
        f"--basetemp={tmp_path / 'run'}",
        str(tmp_path / "test_made.py"),
    ]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    result = run.Result.read(counts, ran.returncode)
    assert sorted(result.not_run.values()) == ["chromium", "ntfy"]
    monkeypatch.setenv("HELIOGRAPH_TEST_WITHOUT_REASONS", '{"ntfy": "Debian 12 has no package ntfy"}')
    result.write(tmp_path / "kept.json")  # as a part of a run hands it on
    assert run._said(run.Result.read(tmp_path / "kept.json", 0) + result) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line for line in lines if "::test_of_ntfy needs ntfy: Debian 12 has no package ntfy" in line]
    assert [line for line in lines if "::test_in_a_browser[chromium] needs chromium: HELIOGRAPH_TEST_WITHOUT names it" in line]
    assert lines[-1] == "2 passed, 0 failed, 2 not run"
