"""`heliograph backup`, `restore` and `release` (O13, O14)."""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import UTC, datetime
from gettext import ngettext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import structlog
import typer

from heliograph import __version__
from heliograph.commands import ready, ready_for_data
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX, Options

if TYPE_CHECKING:
    from heliograph.store.backup.backup_file import MadeBackup
    from heliograph.store.backup.manifest import Manifest, SnapshotFacts
    from heliograph.store.backup.restoration import RestoreTarget

log = structlog.get_logger(__name__)
_BY: Final = "command"
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class BackupRefused(HeliographError):
    """The command cannot be carried out as it was given."""


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
    app.command()(release)


# ---- backup ----------------------------------------------------------------------------------------------------------------


def backup(
    file: Annotated[Path | None, typer.Argument(help="The file to write, such as /backup/heliograph.zip.", show_default=False)] = None,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Include the key. Whoever has such a file can read every stored secret.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists, once the new one is complete.")] = False,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", hidden=True, help="Make the backup that the settings ask for, if it is due.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a backup of the database, while Heliograph runs: one instant of it, compressed, and read back to check it.

    PostgreSQL needs pg_dump of at least the server's version. The key and the settings are not part of it: keep them apart. `heliograph restore`
    makes a database of it.
    """
    options = ready_for_data(django=False)
    if (file is None) is not scheduled:
        raise BackupRefused("Name the file to write: heliograph backup FILE")
    if file is None:
        _backup_scheduled(options)
        return
    from heliograph.store.backup.backup_file import check_free  # noqa: PLC0415

    check_free(file.absolute(), overwrite=overwrite)  # a mistyped name is no try that failed
    made = _recorded_backup(options, file, _begin_run(options), with_key=with_key, overwrite=overwrite)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "file": str(made.path),
                    "bytes": made.size,
                    "copy_seconds": round(made.copy_seconds, 2),
                    "manifest": json.loads(made.manifest.to_json()),
                }
            )
        )
    else:
        facts = made.manifest.facts
        typer.echo(
            f"{made.path} ({made.size / 1e6:,.1f} MB) holds {_moment(facts.instant)}, {_rows(facts)} rows. It was read back and is sound."
        )
        typer.echo(
            "The key is in it: keep it as safe as the key."
            if with_key
            else "The key and the settings are not in it: keep them apart from it."
        )


def _backup_scheduled(options: Options) -> None:
    """Makes the scheduled backup if it is due, and removes old ones. Failures are logged: nobody looks at this command."""
    from heliograph.store.backup.backup_runs import begin_due_run  # noqa: PLC0415
    from heliograph.store.backup.backup_schedule import AGAIN  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    schedule = options.backup_schedule
    if schedule is None:
        raise BackupRefused(f"{PREFIX}BACKUP_FOLDER is not set.")
    with contextlib.closing(open_database(options)) as db, db.transaction():
        run = begin_due_run(db, schedule.every, AGAIN)
    if run is None:
        return
    try:
        made = _recorded_backup(options, schedule.file(datetime.now(UTC)), run)
        removed = schedule.remove_old()
    except HeliographError as error:
        log.error("backup_failed", reason=str(error))  # noqa: TRY400 -- the sentence says it
        raise typer.Exit(1) from None
    log.info("backup_made", file=str(made.path), bytes=made.size, removed=len(removed))


def _begin_run(options: Options) -> int:
    from heliograph.store.backup.backup_runs import begin_run  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    with contextlib.closing(open_database(options)) as db, db.transaction():
        return begin_run(db, scheduled=False)


def _recorded_backup(options: Options, file: Path, run: int, *, with_key: bool = False, overwrite: bool = False) -> MadeBackup:
    """Makes the backup and notes in the database how it ended."""
    from heliograph.store import driver_errors  # noqa: PLC0415
    from heliograph.store.backup.backup_file import BackupSource, make_backup  # noqa: PLC0415
    from heliograph.store.backup.backup_runs import end_run  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    source = BackupSource(__version__, options.keys, options.sqlite_file if options.on_sqlite else None, options.database_url)
    try:
        made = make_backup(source, file, with_key=with_key, overwrite=overwrite)
    except HeliographError as error:
        # The disk may be full: then the database cannot note it either, and the failure itself is what has to be said
        with contextlib.suppress(*driver_errors.all_errors()), contextlib.closing(open_database(options)) as db, db.transaction():
            end_run(db, run, file=str(file), failure=str(error))
        raise
    with contextlib.closing(open_database(options)) as db, db.transaction():
        end_run(db, run, file=str(made.path), size=made.size)
    return made


# ---- restore ---------------------------------------------------------------------------------------------------------------


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `heliograph backup` wrote.")],
    yes: Yes = False,
) -> None:
    """Make a database of a backup: in an empty data folder, or in an empty PostgreSQL database that HELIOGRAPH_DATABASE_URL names.

    Says what was lost since and what would be sent again, and asks. The restored copy starts without sending: look at it, make sure that the
    original has stopped, and let it send with `heliograph release` or on the page Restored copy.
    """
    ready(django=False)
    options = Options.load()
    from heliograph.store.backup import restoration  # noqa: PLC0415
    from heliograph.store.backup.archive import BackupArchive  # noqa: PLC0415

    target = _target(options)
    with BackupArchive(file) as archive:
        keys = restoration.check_target(target, archive)
        typer.echo(_description(archive.manifest, datetime.now(UTC)))
        if not yes:
            _ask("Restore it?", "Nothing was restored: there is no terminal to ask at. Give --yes to restore it.")
        restoration.restore(target, archive, keys)
    typer.echo(
        f"Restored into {options.data if options.on_sqlite else 'the database'}. Every count is that of the backup. Nothing is sent yet."
    )
    steps = ["heliograph serve" if options.on_sqlite else "heliograph migrate", "heliograph release"]
    typer.echo(f"Next: {steps[0]}; look at it; stop the original for good; then {steps[1]}, or the page Restored copy.")


def _ask(question: str, refusal: str) -> None:
    """Asks at the terminal, and ends the command after a no. Raises BackupRefused with the refusal if there is no terminal."""
    if not sys.stdin.isatty():
        raise BackupRefused(refusal)
    typer.confirm(question, abort=True, err=True)


def _target(options: Options) -> RestoreTarget:
    from heliograph.store.backup.restoration import RestoreTarget  # noqa: PLC0415
    from heliograph.store.schema import migrations  # noqa: PLC0415

    has_key = bool(options.key.get_secret_value()) or options.key_place.exists()
    return RestoreTarget(
        options.data,
        options.key_place,
        options.keys if has_key else (),
        options.sqlite_file if options.on_sqlite else None,
        options.database_url,
        migrations(),
    )


def _description(manifest: Manifest, now: datetime) -> str:
    """What a backup holds, what is lost, and what the copy would send again."""
    facts, waiting = manifest.facts, manifest.facts.waiting
    last = f"the last change in it was accepted at {_moment(facts.last_change)}" if facts.last_change else "there is no change in it"
    lines = [
        (
            f"A backup of {_moment(facts.instant)}, made by Heliograph {manifest.version} of {manifest.database} {manifest.server}: {_rows(facts)} rows;"
            f" {last}."
        ),
        (
            f"Lost is what was accepted between {_moment(facts.instant)} and now, {_moment(now)} ({_duration(now, facts.instant)}), though its senders"
            " got an answer: let them send it again."
        ),
    ]
    parts = [
        _counted(count, *names)
        for count, *names in (
            (waiting.first_attempts, "delivery that may have been sent since", "deliveries that may have been sent since"),
            (waiting.retries, "retry", "retries"),
            (waiting.untagged, "decision that waits for a tag", "decisions that wait for a tag"),
            *((jobs, f"job of the kind {kind}", f"jobs of the kind {kind}") for kind, jobs in waiting.jobs.items()),
        )
        if count
    ]
    lines.append(
        f"Once it is released it goes on with {', '.join(parts)}; each request has the webhook-id that it had."
        if parts
        else "Nothing waited in it, so a release sends nothing again."
    )
    return "\n".join(lines)


# ---- release ---------------------------------------------------------------------------------------------------------------


def release(
    account: Annotated[str, typer.Option(help="Code of the only account to release. Default: all.")] = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let a restored copy send. What waited when it was backed up goes out, perhaps for the second time: first stop the original for good.

    Says what goes out, and asks.
    """
    ready_for_data()
    from heliograph.setup.services.copy_release import release_accounts, waiting_accounts  # noqa: PLC0415

    if not yes and (waiting := waiting_accounts(account or None)):
        for code, actions in waiting.items():
            sent = f"{_counted(actions.first_attempts, 'delivery', 'deliveries')} and {_counted(actions.retries, 'retry', 'retries')}"
            more = "" if actions.is_complete else ", and more: not all was counted"
            typer.echo(f"{code} sends, perhaps for the second time: {sent}{more}.", err=True)
        _ask(
            "Has the original stopped for good?",
            "Nothing was released: there is no terminal to ask at. Give --yes once the original has stopped for good.",
        )
    released = release_accounts(account or None, by=_BY)
    if as_json:
        typer.echo(json.dumps({"released": released}))
    else:
        typer.echo(f"Released: {', '.join(released)}." if released else "Nothing is kept from sending as a restored copy.")


# ---- words -----------------------------------------------------------------------------------------------------------------


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _rows(facts: SnapshotFacts) -> str:
    return f"{sum(facts.counts.values()):,}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {ngettext(one, several, count)}"


def _duration(now: datetime, before: datetime) -> str:
    minutes = max(0, round((now - before).total_seconds() / 60))
    days, hours = minutes // 1440, minutes // 60 % 24
    parts = [(days, "day", "days"), (hours, "hour", "hours"), *([] if days else [(minutes % 60, "minute", "minutes")])]
    return ", ".join(_counted(*part) for part in parts if part[0]) or "less than a minute"
