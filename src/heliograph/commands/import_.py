"""`heliograph import`: imports a file of registrations into an account, as a job that this process runs itself (I1, I4)."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from heliograph.commands import ready_for_data
from heliograph.commands.import_output import console_of, json_of, say_end, say_file
from heliograph.domain.errors import HeliographError
from heliograph.engine.stop_signals import stop_signals
from heliograph.jobs.nice import be_nice

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from heliograph.jobs.models import Job
    from heliograph.registrations.imports.setup_choice import SetupChoice

ASKED, REFUSED, PAUSED = 3, 4, 5  # exit codes


class ImportCommandError(HeliographError):
    """The import cannot be started with these arguments."""


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(help="CSV (any common encoding and separator), .xlsx or NDJSON.")],
    account: Annotated[str, typer.Option(help="Code of the account.")],
    event: Annotated[str, typer.Option(help="Code of the event, for rows that name none.")] = "",
    columns: Annotated[
        Path | None, typer.Option(help="Column mapping as JSON (docs/reference/import-columns.md). Other columns are guessed.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and store nothing.")] = False,
    create: Annotated[
        list[str] | None,
        typer.Option(
            help="Which missing things to create: all, none, kinds (events, statuses, types, sessions, properties, questions, options,"
            " fields; separated by commas), or a single thing as KIND:NAME. May be repeated. A likely typo is only created by name."
        ),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="Create exactly what this plan marks, with its tags; --write-plan writes one.")] = None,
    write_plan: Annotated[
        Path | None, typer.Option(help="With --dry-run: write the missing things to this file, to edit and pass to --plan.")
    ] = None,
    without_sending: Annotated[
        bool, typer.Option("--record-without-sending", help="Store the changes and show them in the timelines, but trigger no flow.")
    ] = False,
    encoding: Annotated[str, typer.Option(help="Encoding of a text file. Default: detected.")] = "",
    separator: Annotated[str, typer.Option(help="CSV separator: comma, semicolon, tab, pipe or any character. Default: detected.")] = "",
    sheet: Annotated[str, typer.Option(help="Sheet of a workbook. Default: the first that contains a table.")] = "",
    report: Annotated[
        Path | None, typer.Option(help="File for the refused rows. Default: FILE.refused.csv, beside the imported file.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Start from the beginning and cancel the same import that was interrupted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False,
) -> None:
    """Import registrations from a file.

    First lists what the account lacks. If anything is missing, nothing is stored until --create says what to do (exit code 3). Valid rows
    are recorded; the others are listed with line, column, reason and accepted values, and written to a file (exit code 4). Ctrl-C pauses
    (exit code 5). Run the same command again to continue, also after a crash.
    """
    be_nice()  # first, because loading Django takes long too
    ready_for_data()
    # Only warnings and errors are logged; the job's row has the rest.
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    from heliograph.jobs.models import JobState  # noqa: PLC0415
    from heliograph.registrations.imports import preparation  # noqa: PLC0415
    from heliograph.registrations.imports.columns import read_given  # noqa: PLC0415

    if write_plan and not dry_run:
        raise typer.BadParameter("--write-plan needs --dry-run")
    account_id = _account(account)
    file_settings = preparation.FileSettings(encoding, separator, sheet, event, read_given(columns) if columns else None)
    upload = preparation.draft(file, account_id, file_settings)
    choice, ask = _choice(create or [], plan)
    wishes = preparation.Wishes(dry_run=dry_run, quiet=without_sending, choice=choice, ask=ask)
    parameters = preparation.parameters(upload, wishes)
    console = console_of(as_json)
    say_file(console, upload)
    job = _run(console, account_id, parameters, anew=anew)
    place = _put_report(job, report or file.with_name(f"{file.name}.refused.csv"))
    if write_plan:
        _write_plan(write_plan, job)
    if as_json:
        typer.echo(json.dumps(json_of(job, upload, place), ensure_ascii=False))
    else:
        say_end(console, job, file, place, account)
    if job.state == JobState.DONE:
        raise typer.Exit(ASKED if job.result.get("stopped") else REFUSED if job.counts.get("refused") else 0)
    raise typer.Exit(PAUSED if job.state in (JobState.PAUSED, JobState.QUEUED) else 1)


# --- the arguments


def _account(code: str) -> int:
    from heliograph.accounts.models import Account  # noqa: PLC0415

    account_id = Account.objects.filter(code=code).values_list("pk", flat=True).first()
    if account_id is None:
        known = ", ".join(Account.objects.order_by("code").values_list("code", flat=True)[:20])
        raise ImportCommandError(
            f"There is no account {code}. " + (f"Accounts: {known}." if known else "Create one: heliograph createaccount CODE")
        )
    return int(account_id)


def _choice(create: Sequence[str], plan: Path | None) -> tuple[SetupChoice, bool]:
    """Which missing things to create, and whether the import stops first to ask."""
    from heliograph.registrations.imports.missing_setup import KINDS, Lack  # noqa: PLC0415
    from heliograph.registrations.imports.setup_choice import SetupChoice  # noqa: PLC0415

    if plan is not None:
        if create:
            raise typer.BadParameter("give --create or --plan, not both")
        try:
            rows = json.loads(plan.read_text("utf-8-sig"))["create"]
            return SetupChoice(
                plan=tuple(Lack.from_json({k: v for k, v in row.items() if k != "create"}) for row in rows if row["create"])
            ), False
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImportCommandError(f"{plan} is not a plan: {error!r}. `--dry-run --write-plan FILE` writes one.") from None
    everything, kinds, names = False, set(), set()
    for word in create:
        kind, colon, name = word.partition(":")
        if colon:
            plural = next((k for k in KINDS if k in (kind, f"{kind}s", f"{kind}es")), "properties" if kind == "property" else "")
            if not plural:
                raise typer.BadParameter(f"{kind!r} is not one of {', '.join(KINDS)}")
            names.add((plural, name.strip()))
            continue
        for part in filter(None, (p.strip() for p in word.split(","))):
            if part not in (*KINDS, "all", "none"):
                raise typer.BadParameter(f"{part!r} is not one of all, none, {', '.join(KINDS)}; name a single thing as KIND:NAME")
            everything |= part == "all"
            if part in KINDS:
                kinds.add(part)
    return SetupChoice(everything, frozenset(kinds), frozenset(names)), not create


# --- running


def _run(console: Console, account: int, parameters: dict[str, Any], *, anew: bool) -> Job:
    """Runs the job here, or resumes the one that was interrupted."""
    from django_scopes import scope  # noqa: PLC0415

    from heliograph.jobs import control  # noqa: PLC0415
    from heliograph.jobs.models import JobState  # noqa: PLC0415
    from heliograph.jobs.registry import JobKinds  # noqa: PLC0415
    from heliograph.jobs.runner import Runner  # noqa: PLC0415
    from heliograph.registrations.imports import import_job, preparation  # noqa: PLC0415

    runner = Runner(JobKinds([import_job.kind()]))
    with scope(account=account):
        before = preparation.unfinished(account, parameters)
        for each in before if anew else before[:1]:
            if control.is_alive(each, control.now()) and each.owner.split(":")[:2] != runner.me.split(":")[:2]:
                raise ImportCommandError(f"This import is already running, as job {each.pk}: heliograph jobs show {each.pk}")
        if before and not anew:
            preparation.follow(before[0], parameters)
    if anew:
        for each in before:
            control.forget(each.pk)
            console.print(f"Forgets job {each.pk}, which had got to {each.done:,} rows.")
    if anew or not before:
        job = preparation.start(account, parameters, by="command", owner=runner.me)
    else:
        job = before[0]
        control.release(job.pk)
        if job.state in (JobState.PAUSED, JobState.FAILED):
            control.resume(job.pk, owner=runner.me)
        console.print(f"Continues job {job.pk} after {job.done:,} rows. Use --anew to start again.")
    with _stopped_by_signals() as stop, _progress(console) as (bar, task):

        def show(row: Job) -> None:
            bar.update(task, description=_PHASES.get(row.phase, row.phase), completed=row.done, total=row.total)

        return runner.run_one(job.pk, stop=stop, watch=show)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM stop the import after its current chunk; a second Ctrl-C stops it at once."""
    stop = threading.Event()
    with stop_signals(stop.set, second_interrupts=True):
        yield stop


_PHASES = {"scanning": "Reading", "checking": "Checking", "importing": "Importing"}


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[tuple[Progress, TaskID]]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task("Reading", total=None)


def _put_report(job: Job, place: Path) -> Path | None:
    """Copies the report to its destination; if that fails, it stays in the data folder."""
    stored_report = job.result.get("report")
    if not stored_report:
        return None
    try:
        shutil.copyfile(stored_report, place)
    except OSError:
        return Path(stored_report)
    return place


def _write_plan(path: Path, job: Job) -> None:
    rows = [
        {"create": row["created"] or not row["doubt"], **{k: v for k, v in row.items() if k != "created"}}
        for row in job.result.get("lacks", [])
    ]
    try:
        path.write_text(json.dumps({"create": rows}, ensure_ascii=False, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise ImportCommandError(f"The plan cannot be written: {error}.") from None
