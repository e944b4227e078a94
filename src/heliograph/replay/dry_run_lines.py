"""The lines of a dry run for its page: the registration, and field by field the last accepted request against the next one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.explanation import answer
from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.replay import ReplayNote, ReplayVerdict
from heliograph.domain.delivery.sent_request import FieldChange, SentRequest, field_changes
from heliograph.domain.flow.flow import Flow
from heliograph.replay.replay_words import NOTES
from heliograph.replay.request_comparison import ComparedLine, Comparison, by_destination, changes_of
from heliograph.store.where import Where
from heliograph.web.cursor import ROWS, Cursor, ListPage, pages, walk_from

PARTS: tuple[type[int | str], ...] = (int,)
SHOWN_FIELDS = 12
"""The number of fields that a line shows. The others are counted."""
LONGEST_VALUE = 200
"""Characters of a value; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class DryRunLine:
    """One line of a dry run."""

    id: int
    change: int
    registration: int | None
    """None if an event changed, or if the registration is erased."""
    destination_id: int
    action: int | None
    """The action that sent it."""
    left_out: int
    """Why a chosen line was not sent, as stored; 0 for all others."""
    code: str
    """The code of the registration, or of the event."""
    event: str
    is_event: bool
    who: str
    destination: str
    """The name of the destination; "" if the flow has only one."""
    fields: Sequence[FieldChange]
    """The fields that differ, or that would be sent for the first time."""
    more: int
    """The number of fields that are not shown."""
    last: int | None
    """When a request was last accepted (microseconds)."""
    why: str
    """The reason of the verdict, as a sentence."""


def dry_run_page(
    reader: AccountReader,
    replay: int,
    flow: Flow | None,
    verdict: ReplayVerdict,
    cursor: Cursor | None,
    *,
    size: int = ROWS,
    most_fields: int = SHOWN_FIELDS,
) -> ListPage[DryRunLine]:
    """A page of a verdict's lines, compared anew.

    flow: None if it was deleted
    most_fields: how many fields a line shows; the others are counted
    """

    where = Where("replay_id = :replay", "verdict = :verdict", replay=replay, verdict=verdict.code)
    where &= Where("+account_id = :account", account=reader.account)

    def fetch(at: Cursor | None, limit: int) -> Sequence[tuple[int, ...]]:
        select = "SELECT id, destination_id, change_id, registration_id, event_id, note, action_id, left_out FROM replay_line"
        return walk_from(at, "replay_line", where, ("id",), ascends=True).read(reader.db, select, Where(), limit)

    listed = pages(fetch, lambda row: (row[0],), cursor, size=size)
    return listed.with_rows(_lines(reader, flow, listed.rows, most_fields))


def _lines(reader: AccountReader, flow: Flow | None, rows: Sequence[tuple[int, ...]], most_fields: int) -> list[DryRunLine]:
    people = reader.people(row[3] for row in rows)
    events = reader.events({row[4] for row in rows})
    compared = _compared(reader, flow, rows) if flow is not None else {}
    several = flow is not None and len(flow.destinations) > 1
    names = {d.id: d.name for d in flow.destinations} if flow else {}
    lines = []
    for id, destination, change, registration, event, note, action, left_out in rows:
        person = people.get(registration) if registration else None
        code = events[event].code if event in events else ""
        line = compared.get(id)
        fields = field_changes(line.was or SentRequest({}, whole=False), line.would) if line and line.would is not None else []
        lines.append(
            DryRunLine(
                id=id,
                change=change,
                registration=registration if person else None,
                destination_id=destination,
                action=action,
                left_out=left_out,
                code=person.code if person else code,
                event=code,
                is_event=person is None,
                who=person.name if person else "",
                destination=names.get(destination, "") if several else "",
                fields=[FieldChange(each.name, _cut(each.was), _cut(each.would)) for each in fields[:most_fields]],
                more=max(0, len(fields) - most_fields),
                last=line.last.ended if line and line.last else None,
                why=_why(reader, line, str(note)),
            )
        )
    return lines


def _compared(reader: AccountReader, flow: Flow, rows: Sequence[tuple[int, ...]]) -> dict[int, ComparedLine]:
    """The lines, compared anew, by their id."""
    changes = changes_of(reader.db, reader.account, {row[2] for row in rows})
    comparison = Comparison(reader.db, reader.account, flow)
    line_of_row: dict[int, ComparedLine] = {}
    for id, destination in by_destination(flow, (row[1] for row in rows)).items():
        destination_rows = [row for row in rows if row[1] == id and row[2] in changes]
        for row, line in zip(destination_rows, comparison.compare([changes[row[2]] for row in destination_rows], destination), strict=True):
            line_of_row[row[0]] = line
    return line_of_row


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _why(reader: AccountReader, line: ComparedLine | None, note: str) -> str:
    if note:
        return str(NOTES[ReplayNote(note)])
    if line is None:
        return ""
    if line.row.verdict is ReplayVerdict.FILTERED and line.explanation is not None:
        return answer(line.explanation, reader.config)
    return message_words(line.row.why) if line.row.verdict is ReplayVerdict.WOULD_FAIL and line.row.why else ""
