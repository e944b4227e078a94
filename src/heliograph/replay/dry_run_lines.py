"""The lines of a dry run for its page: registration, and field by field what was last accepted against what would be sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from heliograph.deliveries.database import AccountReader
from heliograph.deliveries.why import answer
from heliograph.domain.delivery.replay import ReplayNote, ReplayVerdict
from heliograph.domain.delivery.sent_request import FieldChange, SentRequest, field_changes
from heliograph.domain.flow.flow import Flow
from heliograph.replay.comparison import ComparedLine, Comparison, by_destination, changes_of
from heliograph.replay.words import NOTES
from heliograph.web.cursor import Cursor, ListPage, pages

PARTS: tuple[type[int | str], ...] = (int,)
SHOWN_FIELDS = 12
"""Fields of a line that are shown; the rest is counted."""
LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class DryRunLine:
    """One line. code: of the registration, or of the event; destination: its name, where the flow has several. fields: what differs, or what
    would be sent for the first time; more: how many further ones. last: when it was last accepted, microseconds. why: in a sentence."""

    id: int
    code: str
    event: str
    is_event: bool
    who: str
    destination: str
    fields: Sequence[FieldChange]
    more: int
    last: int | None
    why: str


def dry_run_page(of: AccountReader, replay: int, flow: Flow | None, verdict: ReplayVerdict, cursor: Cursor | None) -> ListPage[DryRunLine]:
    """A page of the lines of a verdict, compared as of now. flow: None if it was deleted."""

    def fetch(at: Cursor | None, limit: int) -> Sequence[tuple[int, ...]]:
        side, order = (("<", "DESC") if at.back else (">", "ASC")) if at else (">", "ASC")
        return of.db.all(
            "SELECT id, destination_id, change_id, registration_id, event_id, note FROM replay_line"
            f" WHERE replay_id = :replay AND verdict = :verdict AND +account_id = :account AND id {side} :at ORDER BY id {order} LIMIT :limit",
            {"replay": replay, "verdict": verdict.code, "account": of.account, "at": at.key[0] if at else 0, "limit": limit},
        )

    found = pages(fetch, lambda row: (row[0],), cursor)
    return found.with_rows(_lines(of, flow, found.rows))


def _lines(of: AccountReader, flow: Flow | None, rows: Sequence[tuple[int, ...]]) -> list[DryRunLine]:
    people = of.people(row[3] for row in rows)
    events = of.events({row[4] for row in rows})
    compared = _compared(of, flow, rows) if flow is not None else {}
    several = flow is not None and len(flow.destinations) > 1
    names = {d.id: d.name for d in flow.destinations} if flow else {}
    out = []
    for id, destination, _change, registration, event, note in rows:
        person = people.get(registration) if registration else None
        code = events[event].code if event in events else ""
        line = compared.get(id)
        fields = _fields(line) if line else []
        out.append(
            DryRunLine(
                id=id,
                code=person.code if person else code,
                event=code,
                is_event=person is None,
                who=person.name if person else "",
                destination=names.get(destination, "") if several else "",
                fields=[_short(each) for each in fields[:SHOWN_FIELDS]],
                more=max(0, len(fields) - SHOWN_FIELDS),
                last=line.last.ended if line and line.last else None,
                why=_why(of, line, str(note)),
            )
        )
    return out


def _compared(of: AccountReader, flow: Flow, rows: Sequence[tuple[int, ...]]) -> dict[int, ComparedLine]:
    """Each line compared as of now, by its id."""
    changes = changes_of(of.db, of.account, {row[2] for row in rows})
    comparison = Comparison(of.db, of.account, flow)
    found: dict[int, ComparedLine] = {}
    for id, destination in by_destination(flow, (row[1] for row in rows)).items():
        mine = [row for row in rows if row[1] == id and row[2] in changes]
        for row, line in zip(mine, comparison.compare([changes[row[2]] for row in mine], destination), strict=True):
            found[row[0]] = line
    return found


def _fields(line: ComparedLine) -> list[FieldChange]:
    if line.would is None:
        return []
    return field_changes(line.was or SentRequest({}, whole=False), line.would)


def _short(change: FieldChange) -> FieldChange:
    return FieldChange(change.name, _cut(change.was), _cut(change.would))


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _why(of: AccountReader, line: ComparedLine | None, note: str) -> str:
    if note:
        return str(NOTES[ReplayNote(note)])
    if line is None:
        return ""
    if line.row.verdict is ReplayVerdict.FILTERED and line.explanation is not None:
        return answer(line.explanation, of.config)
    return _(line.row.why) if line.row.verdict is ReplayVerdict.WOULD_FAIL and line.row.why else ""
