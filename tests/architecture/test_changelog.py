"""The changelog says for each version what whoever upgrades to it must do (O16)."""

from __future__ import annotations

import datetime
import json
import re

import pytest
from packaging.version import Version
from scripts import release
from tests.architecture import source

TEXT = (source.ROOT / "CHANGELOG.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_O16_versions_stand_newest_first_with_their_days() -> None:
    first, *headings = SECTIONS
    assert first == "Unreleased"
    dated = [re.fullmatch(r"(\S+) \((\d{4}-\d\d-\d\d)\)", heading) for heading in headings]
    assert all(dated), "a heading is '## VERSION (YYYY-MM-DD)'"
    for parts in (
        [Version(match[1]) for match in dated if match],
        [datetime.date.fromisoformat(match[2]) for match in dated if match],
    ):
        assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize("heading", SECTIONS)
def test_O16_each_version_says_what_must_be_done_before_anything_else(heading: str) -> None:
    areas = re.findall(r"^### (.+)$", SECTIONS[heading], re.MULTILINE)
    assert f"### {areas[0]}" == release.OBLIGATIONS, f"the first area of '{heading}' is 'What you must do'"
    assert re.search(rf"^{release.OBLIGATIONS}\n\n\S", SECTIONS[heading], re.MULTILINE), "if nothing must be done, it says so"


def test_O16_each_release_is_in_the_changelog() -> None:
    for version in json.loads((source.ROOT / release.RELEASES).read_text("utf-8")):
        release.check_changelog(TEXT, version)
