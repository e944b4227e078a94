"""Rows of watched folders that were refused, until a later row of the same registration is recorded (S7, S9; docs/design/sources.md).

A row that names no registration waits until its file comes again: under the name that it has in the folder, or that it has in *done* or *failed*,
or as the file of the refused rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from heliograph.domain.registration.erasure import PersonWords
from heliograph.store.database import Database

REFUSED_FILE: Final = ".refused.csv"
"""The end of the name of the file with the refused rows, after the name of the file in its subfolder."""
WHOLE_FILE: Final = 0
"""The line that stands for a file of which nothing more could be read."""

type Address = tuple[str, str]
"""(code of the event, code of the registration), "" for what the row does not name."""


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a watched folder whose import is under way, or could not begin."""

    account: int
    source: int
    name: str
    """As pages show it, at most 100 characters."""
    kept_as: str
    """Its name in the subfolder."""
    job: int = 0
    """Its import; 0 for none."""


@dataclass(frozen=True, slots=True)
class RefusedRowFacts:
    """A row that was refused."""

    line: int
    address: Address
    sent_modified: int | None
    """When the registration was changed, as the row says it; None if it does not."""
    problem: str
    """JSON, as `write_problems` writes it."""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A refused row that the ledger names."""

    id: int
    at: int
    file: str
    kept_as: str
    line: int
    address: Address
    sent_modified: int | None
    problem: str


def note_refused(db: Database, file: FolderFile, rows: Iterable[RefusedRowFacts], now: int) -> None:
    """Notes refused rows of a file. Rows of the same registrations in earlier files are replaced."""
    rows = list(rows)
    forget_addresses(db, file.source, [row.address for row in rows], other_than=file.job)
    db.many(
        "INSERT INTO source_refused_row (account_id, source_id, at, job_id, file, kept_as, line, event, code, sent_modified, problem)"
        " VALUES (:account, :source, :now, :job, :file, :kept_as, :line, :event, :code, :sent_modified, :problem)",
        [
            {
                "account": file.account,
                "source": file.source,
                "now": now,
                "job": file.job,
                "file": file.name,
                "kept_as": file.kept_as,
                "line": row.line,
                "event": row.address[0],
                "code": row.address[1],
                "sent_modified": row.sent_modified,
                "problem": row.problem,
            }
            for row in rows
        ],
    )


def forget_addresses(db: Database, source: int, addresses: Iterable[Address], *, other_than: int | None = None) -> None:
    """Deletes the refused rows of registrations that were recorded since, or refused again.

    other_than: the import whose rows stay
    """
    of_others = "" if other_than is None else " AND job_id <> :job"
    codes_by_event: dict[str, set[str]] = {}
    for event, code in addresses:
        if event and code:
            codes_by_event.setdefault(event, set()).add(code)
    for event, codes in codes_by_event.items():
        db.run(
            f"DELETE FROM source_refused_row WHERE source_id = :source AND event = :event AND {db.member('code', 'codes')}{of_others}",
            {"source": source, "event": event, "codes": sorted(codes)} | ({} if other_than is None else {"job": other_than}),
        )


def forget_replaced(db: Database, source: int, name: str, job: int) -> None:
    """Deletes what earlier files left that come again as this one, and that no registration names.

    name: of the file that was imported, as pages show it
    """
    db.run(
        "DELETE FROM source_refused_row WHERE source_id = :source AND job_id <> :job AND (event = '' OR code = '')"
        f" AND (file = :name OR kept_as = :name OR kept_as || '{REFUSED_FILE}' = :name)",
        {"source": source, "job": job, "name": name},
    )


def waiting_rows(db: Database, source: int, most: int) -> list[WaitingRow]:
    """The refused rows of a source, newest first."""
    rows = db.all(
        "SELECT id, at, file, kept_as, line, event, code, sent_modified, problem FROM source_refused_row WHERE source_id = :source"
        " ORDER BY id DESC LIMIT :most",
        {"source": source, "most": most},
    )
    return [
        WaitingRow(id, at, file, kept_as, line, (event, code), sent, problem)
        for id, at, file, kept_as, line, event, code, sent, problem in rows
    ]


def leave_out(db: Database, source: int, rows: Collection[int]) -> int:
    """Deletes refused rows that somebody leaves out. Returns their number."""
    return db.run(
        f"DELETE FROM source_refused_row WHERE source_id = :source AND {db.member('id', 'rows')}", {"source": source, "rows": list(rows)}
    )


def remove_before(db: Database, account: int, before: int, limit: int) -> int:
    """Deletes the refused rows of before an instant (microseconds), with the files that hold them (O4). Returns their number."""
    return db.run(
        "DELETE FROM source_refused_row WHERE id IN (SELECT r.id FROM source s JOIN source_refused_row r ON r.source_id = s.id"
        " WHERE s.account_id = :account AND r.at < :before LIMIT :limit)",
        {"account": account, "before": before, "limit": limit},
    )


def forget_person(db: Database, account: int, words: PersonWords) -> None:
    """Deletes the rows that name a person who is erased (B7)."""
    rows = db.all(
        "SELECT id, file, kept_as, event, code, problem FROM source_refused_row WHERE +account_id = :account", {"account": account}
    )
    ids = [id for id, *texts in rows if any(words.are_in(text) for text in texts)]
    db.run(f"DELETE FROM source_refused_row WHERE {db.member('id', 'rows')}", {"rows": ids})
