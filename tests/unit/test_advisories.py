"""What is pinned, and the comparison with the stored list of known vulnerabilities (ADR 25)."""

from __future__ import annotations

import datetime
import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "advisories.py"))
ENTRY = """
id: PYSEC-1
aliases: [CVE-1]
affected:
- package: {name: left-pad, ecosystem: PyPI}
  ranges:
  - {type: GIT, events: [{introduced: "0"}, {fixed: abc}]}
  - type: ECOSYSTEM
    events: [{introduced: "0"}, {fixed: 1.4.0}, {introduced: 2.0.0}, {fixed: 2.0.3}, {introduced: 3.0.0}]
  versions: ["1.0"]
"""
NAMED = """
id: PYSEC-2
affected:
- package: {name: left-pad, ecosystem: PyPI}
  versions: [2.5.0]
"""
DAY = datetime.date(2026, 11, 29)


@pytest.fixture
def stored(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "vulns" / "left-pad"
    folder.mkdir(parents=True)
    (folder / "PYSEC-1.yaml").write_text(ENTRY)
    (folder / "PYSEC-2.yaml").write_text(NAMED)
    (folder / "PYSEC-3.yaml").write_text(ENTRY.replace("PYSEC-1", "PYSEC-3") + "withdrawn: 2026-01-01T00:00:00Z\n")
    refreshed: dict[str, Any] = SCRIPT["refreshed"](tmp_path, ["left-pad", "other"], "2026-11-01")
    stored: dict[str, Any] = json.loads(json.dumps(refreshed))
    return stored


@pytest.mark.parametrize(
    ("version", "ids"),
    [
        ("1.3.9", ["PYSEC-1"]),
        ("1.4.0", []),
        ("2.0.0", ["PYSEC-1"]),
        ("2.0.3", []),
        ("2.5.0", ["PYSEC-2"]),
        ("3.1", ["PYSEC-1"]),
        ("not a version", ["PYSEC-1"]),
    ],
)
def test_a_vulnerable_version_is_named(stored: dict[str, Any], version: str, ids: list[str]) -> None:
    vulnerable = SCRIPT["vulnerable_versions"]({"left-pad": {version}, "other": {"1"}}, stored)
    assert [re.findall(r"PYSEC-\d", line)[0] for line in vulnerable] == ids


def test_a_current_list_covers_each_package_that_it_was_made_for(stored: dict[str, Any]) -> None:
    assert SCRIPT["coverage"]({"left-pad": {"1.4.0"}}, stored, {}, DAY) == (True, ["The list of advisories is of 2026-11-01, 28 days old."])
    is_covered, lines = SCRIPT["coverage"]({"left-pad": {"1.4.0"}, "new": {"1"}}, stored, {}, DAY)
    assert not is_covered
    assert lines[1:] == ["Not covered are 1 of 2 pinned versions:", "  new 1"]


def test_a_list_that_is_out_of_date_covers_only_what_was_published_before_it(stored: dict[str, Any]) -> None:
    dates = {("left-pad", "1.4.0"): "2026-07-31", ("left-pad", "2.0.3"): "2026-08-02"}
    packages = {"left-pad": {"1.4.0", "2.0.3"}, "other": {"1"}}
    is_covered, lines = SCRIPT["coverage"](packages, stored | {"date": "2026-08-01"}, dates, DAY)
    assert not is_covered
    assert "120 days old. It is out of date" in lines[0]
    assert lines[1:] == ["Not covered are 2 of 3 pinned versions:", "  left-pad 2.0.3, other 1"]


def test_the_lock_file_says_when_its_versions_were_published() -> None:
    packages, dates = SCRIPT["pinned_packages"](), SCRIPT["publication_dates"]()
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", day) for day in dates.values())
    assert {name for name, _version in dates} <= packages.keys()
    assert ("django", *packages["django"]) in dates


def test_every_pinned_package_is_compared() -> None:
    packages = SCRIPT["pinned_packages"]()
    assert {"django", "hatchling", "uv", "canaille"} <= packages.keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert {*project["build-system"]["requires"], "editables>=0.5"} == set(project["dependency-groups"]["build"])
    names = {re.split("[>=<]", requirement)[0] for requirement in project["build-system"]["requires"]}
    built = (ROOT / "requirements" / "build.txt").read_text()
    assert names <= set(re.findall(r"(?m)^([a-z-]+)==", built))
    assert sorted(project["tool"]["uv"]["build-constraint-dependencies"]) == sorted(re.findall(r"(?m)^([a-z-]+==\S+)", built))


@pytest.mark.parametrize("file", ["requirements/uv.txt", "requirements/build.txt", "tests/canaille/requirements.txt"])
def test_every_requirement_has_hashes(file: str) -> None:
    requirements = re.split(r"(?m)^(?=[a-zA-Z])", (ROOT / file).read_text())
    pinned = [each for each in requirements if each and not each.startswith("#")]
    assert pinned
    assert not [each.splitlines()[0] for each in pinned if "--hash=sha256:" not in each or "==" not in each]


def test_uv_is_installed_by_its_hashes() -> None:
    for file in ("scripts/setup", "Containerfile"):
        text = (ROOT / file).read_text()
        installs = [line for line in text.splitlines() if re.search(r"pip install (?!--python)", line)]
        assert installs
        assert all("--require-hashes" in line and "uv.txt" in line for line in installs), file


def test_every_image_of_others_is_named_by_its_digest() -> None:
    texts = [(ROOT / file).read_text() for file in ("Containerfile", "compose.yaml")]
    images = [image for text in texts for image in re.findall(r"(?m)^(?:FROM|\s+image:) (\S+)", text) if "HELIOGRAPH_IMAGE" not in image]
    assert len(images) == 4
    assert not [image for image in images if not re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", image)]
