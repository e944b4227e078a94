"""`heliograph jobs`: shows and controls jobs from the command line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heliograph.commands import ready_for_data
from heliograph.jobs.nice import be_nice

if TYPE_CHECKING:
    from heliograph.jobs.models import Job

Id = Annotated[int, typer.Argument(help="The job's number.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Long work, such as imports: list, pause, resume and cancel it.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("cancel")(cancel)
    app.add_typer(group, name="jobs")


def list_(
    account: Annotated[str, typer.Option(help="Code of the account. Default: every account.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Include jobs that have ended.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many jobs to list at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    ready_for_data()
    from django_scopes import scopes_disabled  # noqa: PLC0415

    from heliograph.jobs.models import ENDED, Job  # noqa: PLC0415

    with scopes_disabled():
        rows = Job.objects.select_related("account").order_by("-id")
        if account:
            rows = rows.filter(account__code=account)
        if not every:
            rows = rows.exclude(state__in=ENDED)
        jobs = list(rows[:limit])
    if as_json:
        typer.echo(json.dumps([_facts(job) for job in jobs], ensure_ascii=False))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    if not jobs:
        typer.echo("There are no jobs." if every else "No job is open. --all includes those that have ended.")
        return
    table = Table("Job", "Account", "Kind", "State", "Progress", "What", box=None)
    for job in jobs:
        name = escape(str(job.parameters.get("name", "")))
        table.add_row(str(job.pk), job.account.code, _kind(job), str(job.state), _progress(job), name)
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


def show(job: Id, as_json: Json = False) -> None:
    """Show one job: state, progress, time left, counts and error."""
    ready_for_data()
    from heliograph.jobs import control  # noqa: PLC0415

    _say(control.find(job), as_json)


def pause(job: Id, as_json: Json = False) -> None:
    """Pause a job after its current chunk. What it has done stays."""
    ready_for_data()
    from heliograph.jobs import control  # noqa: PLC0415

    _say(control.pause(job), as_json)


def resume(
    job: Id,
    in_terminal: Annotated[bool, typer.Option("--here", help="Run it in this terminal. Default: `heliograph serve` runs it.")] = False,
    as_json: Json = False,
) -> None:
    """Resume a paused or failed job where it stopped."""
    ready_for_data()
    from heliograph.jobs import control  # noqa: PLC0415

    if in_terminal:
        from heliograph.jobs.runner import Runner  # noqa: PLC0415
        from heliograph.wiring import job_kinds  # noqa: PLC0415

        be_nice()
        runner = Runner(job_kinds())
        control.resume(job, owner=runner.me)
        row = runner.run_one(job)
    else:
        row = control.resume(job)
    _say(row, as_json)


def cancel(job: Id, as_json: Json = False) -> None:
    """Stop a job for good after its current chunk. What it has done stays."""
    ready_for_data()
    from heliograph.jobs import control  # noqa: PLC0415

    _say(control.cancel(job), as_json)


def _facts(job: Job) -> dict[str, Any]:
    left = job.time_left
    return {
        "id": job.pk,
        "account": job.account.code,
        "kind": job.kind,
        "dry_run": bool(job.parameters.get("dry_run")),
        "state": str(job.state),
        "phase": job.phase,
        "done": job.done,
        "total": job.total,
        "seconds_left": left.total_seconds() if left else None,
        "counts": job.counts,
        "error": job.error,
        "created_by": job.created_by,
        "created": job.created.isoformat(),
        "started": job.started.isoformat() if job.started else None,
        "finished": job.finished.isoformat() if job.finished else None,
        "name": job.parameters.get("name"),
        "report": job.result.get("report") or None,
    }


def _kind(job: Job) -> str:
    return f"{job.kind}, dry run" if job.parameters.get("dry_run") else job.kind


def _progress(job: Job) -> str:
    if job.result.get("stopped"):
        return f"{int(job.result.get('rows', 0)):,} rows read, none stored"
    total_text = f" of {job.total:,}" if job.total is not None else ""
    left = job.time_left
    if job.parameters.get("dry_run"):
        return f"{job.done:,}{total_text} rows checked, none stored" + (f", about {_words(left.total_seconds())} left" if left else "")
    return f"{job.done:,}{total_text} rows" + (f", about {_words(left.total_seconds())} left" if left else "")


def _words(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.0f} hours"


def _say(job: Job, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_facts(job), ensure_ascii=False))
        return
    name = job.parameters.get("name")
    typer.echo(f"Job {job.pk}: {_kind(job)}{f' of {name}' if name else ''} for {job.account.code}, {job.state}")
    typer.echo(_progress(job) + (f" ({job.phase})" if job.phase else ""))
    for what, count in job.counts.items():
        typer.echo(f"  {what}: {count:,}")
    if job.error:
        typer.echo(job.error)
    if job.result.get("report"):
        typer.echo(f"Refused rows: {job.result['report']}")
