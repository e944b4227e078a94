"""The output of `heliograph import`: on a terminal, and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from heliograph.jobs.models import Job
    from heliograph.registrations.imports.missing_setup import Lack
    from heliograph.registrations.imports.preparation import UploadDraft

_SHOWN = 40


def console_of(as_json: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415

    stream = sys.stderr if as_json else sys.stdout
    return Console(stderr=as_json, highlight=False, soft_wrap=True, width=None if stream.isatty() else 160)


def say_file(console: Console, upload: UploadDraft) -> None:
    from rich.markup import escape  # noqa: PLC0415

    console.print(
        f"[bold]{escape(upload.path.name)}[/bold]: {escape(upload.form.words)}"
        + (f", {len(upload.names)} columns" if upload.columns else "")
    )
    for column in upload.doubts:
        where = f" goes to {column.target}." if column.target else ""
        console.print(f"  {escape(column.name)}{escape(where)} {escape(column.doubt)}", style="yellow")
    plain = [c.name for c in upload.left_out if not c.doubt]
    if plain:
        console.print(f"  Ignored columns, which match nothing here: {escape(', '.join(plain[:_SHOWN]))}", style="yellow")


def say_end(console: Console, job: Job, file: Path, place: Path | None, account: str) -> None:
    from rich.markup import escape  # noqa: PLC0415

    from heliograph.jobs.models import JobState  # noqa: PLC0415
    from heliograph.registrations.imports.missing_setup import Lack  # noqa: PLC0415

    if job.state == JobState.PAUSED:
        console.print(
            f"Paused after {job.done:,} rows, which stay. Run the same command to continue, or: heliograph jobs resume {job.pk} --here"
        )
        return
    if job.state == JobState.FAILED:
        console.print(f"[red]Failed:[/red] {escape(job.error)}")
        console.print(f"Fix the cause and run the same command again, or: heliograph jobs resume {job.pk} --here")
        return
    if job.state != JobState.DONE:
        console.print(f"The import is {job.state}. {escape(job.error)} heliograph jobs show {job.pk}")
        return
    rows = job.result.get("lacks", [])
    lacks = [Lack.from_json({k: v for k, v in row.items() if k != "created"}) for row in rows]
    _say_lacks(console, lacks, [bool(row["created"]) for row in rows], account)
    if job.result.get("stopped"):
        console.print(
            "\nNothing was stored. Say what to create: [bold]--create all[/bold] (all that is not in doubt), --create statuses,types,"
            " --create 'status:NAME', or --create none. To try it first:"
            f" heliograph import {escape(str(file))} --account {escape(account)} --create all --dry-run"
        )
        return
    _say_counts(console, job)
    if place is not None:
        console.print(f"The refused rows, with reasons: {escape(str(place))}. You can correct that file and import it.")


def _say_lacks(console: Console, lacks: Sequence[Lack], created: Sequence[bool], account: str) -> None:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    if not lacks:
        return
    table = Table("", "Name in the file", "Becomes", "Event", "Rows", title=f"What {account} lacks", title_justify="left", box=None)
    table.columns[4].justify = "right"
    alike: dict[tuple[bool, str, str, str, bool, str], list[Lack]] = {}
    for lack, made in zip(lacks, created, strict=True):  # one line for the same thing in several events
        name = f"{lack.event}: {lack.name}" if lack.kind == "events" else lack.name
        alike.setdefault((made, lack.kind, name, lack.parent, bool(lack.doubt), str(lack.facts)), []).append(lack)
    for (made, kind, name, _, _, _), group in list(alike.items())[:_SHOWN]:
        doubt = f"\n[yellow]{escape(group[0].doubt)}[/yellow]" if group[0].doubt else ""
        events = "" if group[0].kind == "events" else ", ".join(lack.event for lack in group[:5]) + (" …" if len(group) > 5 else "")
        becomes, type_name = group[0].words, group[0].facts.get("type")
        if kind == "statuses":
            becomes += f", class {group[0].facts['class']}"
        elif type_name:
            becomes += f", {type_name}"
        rows = f"{sum(lack.rows for lack in group):,}"
        table.add_row("✓" if made else "–", escape(str(name)) + doubt, escape(becomes), escape(events), rows)
    console.print(table)
    if len(alike) > _SHOWN:
        console.print(f"… and {len(alike) - _SHOWN} more; --dry-run --write-plan FILE writes them all.")


_WORDS = (
    ("created", "New registrations"),
    ("updated", "Changed registrations"),
    ("unchanged", "The same as stored"),
    ("stale", "Older than what is stored"),
    ("erased", "Of people who were erased"),
    ("refused", "Refused"),
)


def _say_counts(console: Console, job: Job) -> None:
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from heliograph.registrations.imports.rows import place  # noqa: PLC0415

    dry = job.parameters["dry_run"]
    table = Table(show_header=False, box=None, title="What would happen" if dry else "What happened", title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    for name, words in _WORDS:
        count = job.counts.get(name, 0)
        if count or name in ("created", "updated", "refused"):
            table.add_row(words, f"{count:,}")
    table.add_row("Rows in the file", f"{job.counts.get('rows', 0):,}", style="bold")
    console.print(table)
    if dry and job.counts.get("cleared"):
        console.print(f"Empty cells clear {job.counts['cleared']:,} values in {job.counts['rows_cleared']:,} of the changed registrations.")
    groups = job.result.get("refused", [])
    if groups:
        reasons = Table("Column", "Reason", "Rows", "For example", "Would be accepted", title="Refused", title_justify="left", box=None)
        reasons.columns[2].justify = "right"
        for group in groups[:_SHOWN]:
            first = group["first"][0]
            accepted = ", ".join(first["accepted"][:6]) + (" …" if len(first["accepted"]) > 6 else "")
            where = f"line {place(first['line'], first['row'])}"
            example = f"{where}: {first['value']}" if first["value"] else where
            reasons.add_row(escape(group["field"]), escape(group["reason"]), f"{group['rows']:,}", escape(example), escape(accepted))
        console.print(reasons)


def json_of(job: Job, upload: UploadDraft, place: Path | None) -> dict[str, Any]:
    from heliograph.registrations.imports import columns as columns_module  # noqa: PLC0415

    return {
        "job": job.pk,
        "state": str(job.state),
        "error": job.error,
        "format": upload.form.as_json(),
        "columns": columns_module.as_json(upload.columns),
        "counts": job.counts,
        "result": job.result,
        "report": str(place) if place else None,
    }
