"""The examples in docs/reference/mapping.md are correct (M2, M4, M9)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from heliograph.domain.connection.request import encode_json
from heliograph.domain.mapping import mapping as limits
from heliograph.domain.mapping.chips import read_line
from heliograph.domain.mapping.headers import MAX_HEADERS
from heliograph.domain.mapping.mapping import Case, DateFormat, Escape, Mapping, MappingRow, Otherwise, SourceValue, ValueMap, ValueType
from heliograph.domain.mapping.mapping_renderer import MAX_RENDERED, InvalidValues, Rendered, render
from heliograph.domain.mapping.paths import MAX_DEPTH, MAX_INDEX
from heliograph.domain.setup.fields import PROFILE_FIELDS, Value

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "mapping.md").read_text("utf-8")
VIENNA = ZoneInfo("Europe/Vienna")
COUNTRIES = (("Czechia", "CZ"), ("Austria", "AT"))


class Facts:
    def __init__(self, values: dict[str, Value]) -> None:
        self.values = values

    def value(self, source: str) -> Value:
        return self.values.get(source)


def tables() -> list[tuple[str, str, str, str]]:
    """Every row of a table whose first column is `value`: the kind of the second column, and the three cells."""
    found, kind = [], ""
    for line in TEXT.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3:
            kind = ""
        elif cells[0] == "value":
            kind = cells[1]
        elif kind and not cells[0].startswith("---"):
            found.append((kind, *cells))
    return found


def plain(cell: str) -> str:
    return cell.strip("`").replace("·", " ").replace("⏎", "\n")


def source_and_row(kind: str, setting: str) -> tuple[dict, dict]:
    """A setting of the second column as parts of the source and of the row."""
    if kind == "transformation":
        words = [] if setting == "as it is" else setting.split(", ")
        return {}, {"trim": "Trim" in words, "case": next((Case(word) for word in words if word != "Trim"), None)}
    if kind == "date format":
        if setting.startswith("a pattern: "):
            return {"date_format": DateFormat.PATTERN, "date_pattern": plain(setting.removeprefix("a pattern: "))}, {}
        return ({} if setting == "none" else {"date_format": DateFormat(setting)}), {}
    if kind == "anything else":
        otherwise = {"keep it": Otherwise.KEEP, "validation error": Otherwise.ERROR}.get(setting, Otherwise.TEXT)
        return {"value_map": ValueMap(COUNTRIES, otherwise, setting.removeprefix("a text: ") if otherwise is Otherwise.TEXT else "")}, {}
    if kind == "escape for":
        return {"escape": Escape(setting)}, {}
    assert kind == "type"
    return {}, {"type": ValueType(setting)}


def value_of(kind: str, text: str) -> Value:
    if text.endswith("Z") and kind == "date format":
        return datetime.fromisoformat(text)
    return tuple(text.split("|")) if "|" in text else text


@pytest.mark.parametrize(("kind", "value", "setting", "sent"), [pytest.param(*row, id=f"{i}-{row[2]}") for i, row in enumerate(tables())])
def test_M4_each_line_of_a_table_is_true(kind: str, value: str, setting: str, sent: str) -> None:
    source, row = source_and_row(kind, setting)
    mapping = Mapping("x", rows=(MappingRow("a", (SourceValue("profile.notes", **source),), **row),))
    found = render(mapping, Facts({"profile.notes": value_of(kind, plain(value))}), timezone=VIENNA)
    if isinstance(found, InvalidValues):
        assert sent == f"validation error: {found.problems[0].reason}"
    else:
        result = found.tree()["a"]
        assert plain(sent) == (result if isinstance(result, str) else encode_json(result).decode())


def tidy_rows() -> list[tuple[str, str]]:
    table = TEXT.partition("| row | sent |\n")[2].partition("\n\n")[0]
    return [(plain(cells[1].strip()), plain(cells[2].strip())) for line in table.splitlines()[1:] for cells in [line.split("|")]]


@pytest.mark.parametrize(("line", "sent"), tidy_rows())
def test_M5_typed_text_beside_an_empty_field_is_left_out_as_the_table_says(line: str, sent: str) -> None:
    keys = {label: f"profile.{name}" for name, label in PROFILE_FIELDS.items()}
    row = MappingRow("a", read_line(line, key_of=keys.__getitem__), tidy=True)
    facts = Facts({"profile.first_name": "Ada", "profile.last_name": "Lovelace", "profile.position": "Analyst"})
    found = render(Mapping("x", rows=(row,)), facts, timezone=VIENNA)
    assert isinstance(found, Rendered)
    assert found.tree() == {"a": sent}


def test_M4_there_are_tables() -> None:
    assert {kind for kind, *_ in tables()} == {"transformation", "date format", "anything else", "escape for", "type"}


def block(name: str) -> str:
    found = re.search(rf"^```\w+ {name}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def test_M2_the_nested_example_is_true() -> None:
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(block("facts")).items()}
    found = render(Mapping.from_body(json.loads(block("mapping"))), Facts(known), timezone=VIENNA)
    assert isinstance(found, Rendered)
    assert found.tree() == json.loads(block("sent"))
    assert urlencode(found.pairs()) == block("form").replace("\n", "")


def test_M2_the_limits_are_those_of_the_code() -> None:
    numbers = [int(n.replace(",", "")) for n in re.findall(r"[\d,]*\d", TEXT.rpartition("## Limits")[2])]
    assert numbers == [limits.MAX_ROWS, MAX_HEADERS, limits.MAX_PARTS, MAX_DEPTH, MAX_INDEX + 1, limits.MAX_TEXT, MAX_RENDERED]
