"""`heliograph plan`, `apply` and `export`, run as programs (B5)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.configuration_files import SECRETS, WHOLE
from tests.processes import Process, Starter

from heliograph.api.configuration.configuration_text import read_text


def sentence(process: Process) -> str:
    """What a refused command says: a sentence, and nothing else."""
    assert process.returncode == 1, process.output
    assert "Traceback" not in process.output
    return process.output


@pytest.fixture
def brought(tmp_path: Path) -> dict[str, str]:
    """The secrets of the whole file: variables, and a folder with those that it names as files."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("crm-key", "portal.pem"):
        (folder / name).write_text(f"{SECRETS[name]}\n")
    return {**{name: text for name, text in SECRETS.items() if name.startswith("HELIOGRAPH")}, "CREDENTIALS_DIRECTORY": str(folder)}


def accounts(heliograph: Starter, *codes: str) -> None:
    for code in codes:
        assert heliograph.run("createaccount", code).returncode == 0


def test_B5_a_file_is_planned_applied_and_exported(heliograph: Starter, tmp_path: Path, brought: dict[str, str]) -> None:
    accounts(heliograph, "ACME", "OTHER")
    file = tmp_path / "account.yaml"
    file.write_text(WHOLE)
    planned = heliograph.run("plan", str(file), "--account", "ACME", **brought)
    assert planned.returncode == 0, planned.output
    words = " ".join(planned.output.split())
    for line in ("Plan: 42 changes", "Add Tag VIP", "Add Flow Leads to the CRM", "Change Retry intervals", "0.5, 5, 15", "Europe/Vienna"):
        assert line in words
    assert heliograph.run("plan", str(file), "--account", "ACME", "--check", **brought).returncode == 1
    done = heliograph.run("apply", str(file), "--account", "ACME", **brought)
    assert "Applied as version 1." in done.output
    assert heliograph.run("plan", str(file), "--account", "ACME", "--check", **brought).returncode == 0
    output = tmp_path / "export.yaml"
    assert heliograph.run("export", "--account", "ACME", "--output", str(output)).returncode == 0
    text = output.read_text("utf-8")
    printed = heliograph.run("export", "--account", "ACME", "--json").output
    assert read_text(text) == json.loads(printed)
    assert "planted" not in text + planned.output + done.output
    only = heliograph.run("export", "--account", "ACME", "--only", "tags", "--only", "flows").output
    assert list(read_text(only)) == ["heliograph", "tags", "flows"]
    untouched = read_text(heliograph.run("export", "--account", "OTHER").output)
    assert (untouched["tags"], untouched["flows"]) == ([], [])


def test_B5_a_file_that_is_not_applied_is_explained(heliograph: Starter, tmp_path: Path, brought: dict[str, str]) -> None:
    accounts(heliograph, "ACME")
    file = tmp_path / "account.yaml"
    file.write_text(WHOLE)
    assert "HELIOGRAPH_SECRET_SALES_CRM_URL was not brought along" in sentence(heliograph.run("apply", str(file), "--account", "ACME"))
    assert heliograph.run("apply", str(file), "--account", "ACME", **brought).returncode == 0
    file.write_text(WHOLE.replace("      - {field: event.code, op: is any of, values: [SUMMIT-26]}\n", ""))
    planned = heliograph.run("plan", str(file), "--account", "ACME", **brought).output
    assert "! This Live flow would act on more." in planned
    assert "only with --allow-wider" in planned
    assert "Allow it with --allow-wider." in sentence(heliograph.run("apply", str(file), "--account", "ACME", **brought))
    assert heliograph.run("apply", str(file), "--account", "ACME", "--allow-wider", **brought).returncode == 0
    left = heliograph.run("plan", "-", "--account", "ACME", "--json")
    assert "The file is empty." in sentence(left)
    file.write_text("tags: [\n")
    assert "Line 2: This is not YAML" in sentence(heliograph.run("plan", str(file), "--account", "ACME"))
    file.write_bytes(b"\xff")
    assert "not text in UTF-8" in sentence(heliograph.run("plan", str(file), "--account", "ACME"))
    assert "No such file" in sentence(heliograph.run("plan", str(tmp_path / "absent"), "--account", "ACME"))
    assert "There is no such section" in sentence(heliograph.run("export", "--account", "ACME", "--only", "sauces"))
