"""Rows that nobody has seen before, made from a seed, and the same rows as a file of each format that an import takes (I4)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import openpyxl
from openpyxl.cell import WriteOnlyCell

EVENTS: Final = ("SUMMIT-26", "EXPO-27", "GALA")
STATUSES: Final = ("New", "Attended", "Paid in full", "Invoice sent")
TYPES: Final = ("Delegate", "Chair", "Student")
DIETS: Final = ("Vegan", "Halal, strictly", "Gluten; free", "Nüsse: keine")
SESSIONS: Final = ("Registered", "Attended", "No-show")
COLUMNS: Final[Mapping[str, str]] = {
    "Event code": "event",
    "Registration code": "code",
    "Status": "status",
    "Ticket type": "attendee_type",
    "First name": "profile.first_name",
    "Surname": "profile.last_name",
    "E-mail": "profile.email",
    "Company": "profile.organization",
    "Phone": "profile.phone",
    "Remarks": "profile.notes",
    "Complete": "properties.Complete",
    "properties.Needs a lift": "properties.Needs a lift",
    "answers.Dietary needs": "answers.Dietary needs",
    "answers.What do you expect?": "answers.What do you expect?",
    "profile.custom.Badge text": "profile.custom.Badge text",
    "sessions.KEYNOTE": "sessions.KEYNOTE",
}
"""What stands above a column, and where it goes."""
SIGNS: Final = (
    "abcdefghij KLMNOP 0123456789",
    ",;|\t\"'=+-@<>&{}[]()\\/%$#!?.:_~^`*",
    "äöüßéèñçøåłżőþœİı’“”—…€",
    "Дмитрий Ελένη יעל كهن प्रिया สมชาย 佐藤 지훈 陈",
    "\u0301\u200d\u2028\u00a0\u202e\ufeff🎈👩🏽‍🚀\x1f\x7f",
)

type Row = dict[str, Any]


def rows(seed: int, n: int) -> Iterator[Row]:
    """Values by target: texts, lists of texts, flags; "" is an empty cell."""
    chance = random.Random(seed)
    for i in range(n):
        event = chance.choice(EVENTS)
        yield {
            "event": event,
            "code": f"{event[0]}{i:06d}{chance.choice(['', '-b', ' ü', '/7'])}",
            "status": chance.choice(STATUSES),
            "attendee_type": chance.choice(TYPES),
            **{f"profile.{name}": _text(chance) for name in ("first_name", "last_name", "organization", "phone")},
            "profile.email": "".join(sign for sign in _text(chance) if not sign.isspace() and sign not in "@<>,;") + "é@example.org",
            "profile.notes": _text(chance, lines=True),
            "properties.Complete": chance.random() < 0.5,
            "properties.Needs a lift": chance.random() < 0.2,
            "answers.Dietary needs": chance.sample(DIETS, chance.choice([0, 1, 1, 2, 3])),
            "answers.What do you expect?": _text(chance, lines=True),
            "profile.custom.Badge text": _text(chance),
            "sessions.KEYNOTE": chance.choice([*SESSIONS, ""]),
        }


def _text(chance: random.Random, *, lines: bool = False) -> str:
    """A text as it is stored: without a form feed or NUL, not of spaces alone, and no longer than a spreadsheet's cell."""
    if chance.random() < 0.15:
        return ""
    signs = "".join(chance.choice(SIGNS) for _ in range(2)) + ("\n" if lines else "")
    text = "".join(chance.choices(signs, k=chance.choice([1, 3, 8, 20, 60])))
    return text if text.strip() and "\x1f" not in text else f"x{chance.random()}"


@dataclass(frozen=True, slots=True)
class FileKind:
    """One way to write rows. write: the file; suffix: of its name."""

    suffix: str
    write: Callable[[Path, Iterator[Row]], None] = field(repr=False)


def _cells(row: Row) -> list[str]:
    return [_cell(row[target]) for target in COLUMNS.values()]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return "|".join(value) if isinstance(value, list) else str(value)


def _csv(separator: str) -> Callable[[Path, Iterator[Row]], None]:
    def write(path: Path, found: Iterator[Row]) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            for cells in (COLUMNS, *map(_cells, found)):
                file.write(separator.join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\r\n")

    return write


def _xlsx(path: Path, found: Iterator[Row]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Registrations")
    sheet.append(["Everybody, as of today"])
    sheet.append([])

    def texts(cells: Sequence[str]) -> list[Any]:
        made = [WriteOnlyCell(sheet, value=cell or None) for cell in cells]
        for cell in made:
            if cell.value is not None:
                cell.data_type = "s"  # a text, whatever it begins with
        return made

    sheet.append(texts(list(COLUMNS)))
    for row in found:
        sheet.append(texts(_cells(row)))
    book.save(path)


def _flat(path: Path, found: Iterator[Row]) -> None:
    names = {target: name for name, target in COLUMNS.items()}
    with path.open("w", encoding="utf-8") as file:
        for row in found:
            file.write(json.dumps({names[target]: value for target, value in row.items()}, ensure_ascii=False) + "\n")


def _documents(path: Path, found: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in found:
            document: dict[str, Any] = {name: row[name] for name in ("event", "code", "status", "attendee_type")}
            for target, value in row.items():
                area, _, key = target.partition(".")
                if target.startswith("profile.custom."):
                    document.setdefault("profile", {}).setdefault("custom", {})[target.removeprefix("profile.custom.")] = value
                elif area == "sessions":
                    document["sessions"] = [{"code": key, "status": value}] if value else []
                elif key:
                    document.setdefault(area, {})[key] = value
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


FORMATS: Final[Mapping[str, FileKind]] = {
    "commas": FileKind(".csv", _csv(",")),
    "semicolons": FileKind(".csv", _csv(";")),
    "tabs": FileKind(".csv", _csv("\t")),
    "bars": FileKind(".csv", _csv("|")),
    "workbook": FileKind(".xlsx", _xlsx),
    "flat": FileKind(".ndjson", _flat),
    "documents": FileKind(".ndjson", _documents),
}
