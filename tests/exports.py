# ruff: noqa: DTZ001, DTZ007 -- the files hold local times without an offset, as exports do
"""Exports as other event platforms write them, generated from a seed: with other names, scripts, events, statuses, encodings and mistakes
than ours.

An `Export` knows the contents of each good row and the error of each bad one, by line: what an import must report.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

# Invented people; names that every Latin code page of Western Europe has, and names in other scripts.
LATIN: Final = (
    ("Renée", "Lefèvre"), ("Jürgen", "Groß"), ("Søren", "Ågård"), ("Íñigo", "Núñez"), ("Zoë", "O’Hara"), ("Anna-Lena", "von der Heide"),
    ("MARIA", "GONÇALVES"), ("françois", "dupont"), ("  Sven ", "Öst"), ("Ole", "Bjørnstad"), ("Jo", "D'Angelo"), ("Ann", 'The "Boss" Lee'),
)  # fmt: skip
ALL_SCRIPTS: Final = (
    *LATIN, ("Дмитрий", "Соколов"), ("Ελένη", "Παπαδοπούλου"), ("יעל", "כהן"), ("محمد", "الحربي"), ("प्रिया", "शर्मा"), ("สมชาย", "ใจดี"),
    ("美咲", "佐藤"), ("지훈", "박"), ("小龙", "陈"), ("Łukasz", "Żółć"), ("Nguyễn", "Thị Minh Khai"), ("🎈", "Balloon 👩🏽‍🚀"), ("Cafe\u0301", "Combining"),
)  # fmt: skip
NOTES: Final = (
    "",
    "",
    "=1+1",
    "+49 is my prefix",
    "-",
    "@home",
    "Needs a ramp;\nand a lift",
    'Says "hi", twice',
    "<b>VIP</b> & co",
    "a;b,c|d\te",
    "  ",
)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the export and its set-up."""

    code: str
    name: str
    share: int
    statuses: tuple[str, ...] = ()
    types: tuple[str, ...] = ("Delegate",)
    options: tuple[str, ...] = ("Meat", "Fish", "No animals")
    start: datetime = datetime(2027, 3, 1, 9)
    timezone: str = "Europe/Madrid"


EVENTS: Final = (
    Event("CONGRESS-27", "Congress 2027", 50, ("Paid in full", "Invoice sent", "On hold (finance)"), ("Delegate", "Chair", "Student")),
    Event("EXPO-NORTH", "Expo North", 25, ("Stand confirmed",), ("Visitor", "Exhibitor")),
    Event("EXPO-SOUTH", "Expo South", 15, ("Stand confirmed",), ("Visitor", "Exhibitor"), timezone="America/Sao_Paulo"),
    Event("MASTERCLASS", "Masterclass: pricing, fast", 7, (), ("Delegate",), start=datetime(2027, 6, 30, 18, 30)),
    Event("GALA", "Gala dinner", 3, ("Table host",), ("Guest",), timezone="Asia/Kolkata"),
)
STANDARD: Final = ("New", "Pre-Registered", "Attended", "No-show", "Cancelled", "Waitlist Hold", "Invited")


@dataclass(frozen=True, slots=True)
class Style:
    """How a system writes its files. names: our field -> its column name, in its order; tests deal with columns that have no meaning here."""

    names: dict[str, str]
    encoding: str = "utf-8"
    separator: str = ","
    end: str = "\r\n"
    yes_no: tuple[str, str] = ("Yes", "No")
    split: str = "|"
    people: Sequence[tuple[str, str]] = ALL_SCRIPTS
    moment: str = "%Y-%m-%dT%H:%M"
    bom: bool = False
    trailing: bool = False
    """A separator at the end of every line, and thus a column without a name."""
    blank_every: int = 0
    preamble: str = ""


OURS: Final = {name: name for name in ("event_code", "event_name", "event_status", "event_start", "event_timezone", "registration_code", "status",
               "attendee_type", "first_name", "last_name", "email", "organization", "phone", "complete", "test", "dietary", "consent", "notes")}  # fmt: skip
GERMAN: Final = {
    "registration_code": "Anmeldenummer", "status": "Anmeldestatus", "last_name": "Nachname", "first_name": "Vorname", "email": "E-Mail-Adresse",
    "organization": "Firma", "phone": "Telefon", "event_code": "Veranstaltungscode", "event_name": "Veranstaltungsname", "event_status": "Veranstaltungsstatus",
    "event_start": "Veranstaltungsbeginn", "event_timezone": "Zeitzone", "attendee_type": "Teilnehmerart", "complete": "Vollständig", "test": "Testanmeldung",
    "dietary": "Menü", "consent": "Newsletter", "notes": "Bemerkungen", "modified": "Geändert am",
}  # fmt: skip
LOOSE: Final = {
    "email": "E-mail Address", "first_name": "First", "last_name": "Surname", "registration_code": "Confirmation Number", "event_code": "Event ID",
    "event_name": "Event Title", "event_start": "Event Date", "event_timezone": "Event Time Zone", "status": "Registration Status", "attendee_type": "Ticket Type",
    "organization": "Company", "phone": "Mobile", "complete": "Is Complete", "dietary": "Dietary requirements", "consent": "Photo consent", "notes": "Comments",
    "modified": "Last modified",
}  # fmt: skip

STYLES: Final = {
    "ours": Style(OURS, bom=True, end="\n"),
    "utf16": Style(LOOSE, "utf-16-le", "\t", bom=True, yes_no=("TRUE", "FALSE"), split="; ", moment="%m/%d/%Y %I:%M %p"),
    "cp1252": Style(GERMAN, "cp1252", ";", yes_no=("Ja", "Nein"), people=LATIN, moment="%d.%m.%Y %H:%M", trailing=True),
    "mac": Style(LOOSE, "mac_roman", ";", end="\r", yes_no=("1", "0"), people=LATIN, moment="%Y-%m-%d %H:%M:%S"),
    "piped": Style(GERMAN, "utf-8", "|", yes_no=("x", ""), split=", ", blank_every=97, preamble="sep=|\r\n", moment="%d/%m/%Y %H:%M"),
}


@dataclass(slots=True)
class Export:
    """A written file. good: (event, code) -> the values that must arrive; bad: line -> the column that must be named, "" = the whole line."""

    path: Path
    style: Style
    good: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    rows: int = 0

    def column(self, name: str) -> str:
        return self.style.names[name]


type Spoil = Callable[[random.Random, dict[str, str]], None]


def _set(name: str, *values: str) -> Spoil:
    def spoil(draw: random.Random, row: dict[str, str]) -> None:
        row[name] = draw.choice(values)

    return spoil


def _misspelt(draw: random.Random, row: dict[str, str]) -> None:
    row["event_code"] = draw.choice((row["event_code"][:2] + row["event_code"][1:], row["event_code"] + "X"))


SPOILS: Final[dict[str, tuple[str, Spoil]]] = {
    "status": ("status", _set("status", "Atended", "Canceled?", "Pre Regstered", "Payed in full", "???")),
    "event": ("event_code", _misspelt),
    "no event": ("event_code", _set("event_code", "", "  ")),
    "type": ("attendee_type", _set("attendee_type", "Deligate", "Alien", "#N/A")),
    "flag": ("complete", _set("complete", "perhaps", "2", "#REF!")),
    "option": ("dietary", _set("dietary", "Stones", "Fisch und Chips?")),
    "code": ("registration_code", _set("registration_code", "", " ")),
    "moment": ("modified", _set("modified", "yesterday", "31.02.2026 10:00", "00/00/0000")),
    "long": ("last_name", _set("last_name", "x" * 6_000)),
}


def write(
    path: Path, style: Style, rows: int, *, seed: int = 1, bad: float = 0.012, spoils: Sequence[str] = (*SPOILS, "twice", "cells")
) -> Export:
    """Writes an export of `rows` rows; a share `bad` of them is wrong in one of these ways, and some lines are not rows at all."""
    draw = random.Random(seed)
    made = Export(path, style)
    text = io.StringIO()
    line = _Lines(text, style)
    line.put(style.preamble, raw=True)
    line.row(list(style.names.values()))
    used: dict[str, list[str]] = {event.code: [] for event in EVENTS}
    spoils = [name for name in spoils if name not in SPOILS or SPOILS[name][0] in style.names]
    for n in range(rows):
        if style.blank_every and n % style.blank_every == 5:
            line.put(style.end if n % 2 else style.separator * 3 + style.end, raw=True)
        event = draw.choices(EVENTS, [e.share for e in EVENTS])[0]
        row, values = _row(draw, n, event, style)
        at = line.number
        roll = draw.random()
        if roll < bad:
            kind = draw.choice(spoils)
            if kind == "twice":
                if not used[event.code]:
                    continue
                row["registration_code"] = draw.choice(used[event.code])
                made.bad[at] = made.column("registration_code")
            elif kind in SPOILS:
                column, spoil = SPOILS[kind]
                spoil(draw, row)
                made.bad[at] = made.column(column)
            else:
                line.row([row[name] for name in style.names][:-3], width=False)
                made.bad[at] = ""
                made.rows += 1
                continue
        else:
            used[event.code].append(row["registration_code"])
            made.good[event.code, row["registration_code"]] = values
        line.row([row[name] for name in style.names])
        made.rows += 1
    data = text.getvalue().encode(style.encoding)
    mark = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe"}.get(style.encoding, b"") if style.bom else b""
    path.write_bytes(mark + data)
    return made


class _Lines:
    """Writes rows and counts physical lines, as an editor does."""

    def __init__(self, out: io.StringIO, style: Style) -> None:
        self._out, self._style = out, style
        self.number = 1

    def row(self, cells: list[str], *, width: bool = True) -> None:
        made = io.StringIO()
        more = [""] if self._style.trailing and width else []
        csv.writer(made, delimiter=self._style.separator, lineterminator=self._style.end).writerow([*cells, *more])
        self.put(made.getvalue(), raw=True)

    def put(self, text: str, *, raw: bool = False) -> None:
        self._out.write(text)
        self.number += text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


def _row(draw: random.Random, n: int, event: Event, style: Style) -> tuple[dict[str, str], dict[str, Any]]:
    """The cells, and what must be stored of them."""
    yes, no = style.yes_no
    first, last = draw.choice(style.people)
    menu = draw.sample(event.options, draw.choice((0, 1, 1, 1, 2)))
    consent = draw.choice((yes, no, "")) if no else draw.choice((yes, ""))
    complete, test = draw.random() < 0.8, draw.random() < 0.1
    at = datetime(2026, 5, 1, 8) + timedelta(minutes=7 * (n % 50_000))
    notes = draw.choice(NOTES)
    if style.encoding not in ("utf-8", "utf-16-le"):
        notes = notes.encode(style.encoding, "ignore").decode(style.encoding)
    row = {
        "event_code": event.code,
        "event_name": event.name,
        "event_status": "Live",
        "event_start": event.start.strftime(style.moment),
        "event_timezone": event.timezone,
        "registration_code": f"{event.code[:2]}/{n:06d}",
        "status": draw.choice(STANDARD * 3 + event.statuses * 5),
        "attendee_type": draw.choice(event.types),
        "first_name": first,
        "last_name": last,
        "email": draw.choice((f"{n}@EXAMPLE.org", f"person.{n}+x@mail.example.com", "")),
        "organization": draw.choice(("Ånd & Co", "Smith, Sons", "Société “Été”", "")),
        "phone": draw.choice((f"+34 {n:07d}", f"0{n}", f"({n}) 5-5")),
        "complete": yes if complete else no,
        "test": yes if test else no,
        "dietary": style.split.join(menu),
        "consent": consent,
        "notes": notes,
        "modified": at.strftime(style.moment),
    }
    texts = ("first_name", "last_name", "email", "organization", "phone", "notes")
    values: dict[str, Any] = {name: row[name] if row[name].strip() else "" for name in texts} | {
        "status": row["status"],
        "attendee_type": row["attendee_type"],
        "complete": complete,
        "dietary": menu,
        "consent": [consent] if consent else [],
    }
    if "test" in style.names:
        values["test"] = test
    return row, values


def as_workbook(path: Path, style: Style, rows: int, *, seed: int = 1, bad: float = 0.012) -> Export:
    """The same as .xlsx: dates in Excel's own format, numbers as numbers."""
    import openpyxl

    csv_path = path.with_suffix(".csv")
    plain = replace(style, encoding="utf-8", separator=",", end="\n", trailing=False, blank_every=0, preamble="", bom=False)
    made = write(csv_path, plain, rows, seed=seed, bad=bad, spoils=(*SPOILS, "twice"))  # a sheet's row has no surplus cells
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Anmeldungen")
    lines: dict[int, int] = {}
    with csv_path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        at = 1
        for n, cells in enumerate(reader, 1):
            lines[at] = n
            at = reader.line_num + 1
            sheet.append([_cell(sheet, cell, style.moment) for cell in cells])
    book.save(path)
    csv_path.unlink()
    made.path = path
    made.bad = {lines[line]: column for line, column in made.bad.items()}
    return made


def _cell(sheet: Any, text: str, moment: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    try:
        return datetime.strptime(text, moment)
    except ValueError:
        if not text:
            return None
    cell = WriteOnlyCell(sheet, text)
    if not text.startswith("#"):  # text that starts with = is text, with # an Excel error
        cell.data_type = "s"
    return cell
