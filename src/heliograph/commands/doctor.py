"""`heliograph doctor`: checks everything that an installation depends on, and says what to do (O1, O6)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.options import NoKeyFile, Options, OptionsError, host_and_port, unknown_settings

if TYPE_CHECKING:
    from heliograph.store.database import Database
    from heliograph.store.doctor_checks import Check


_MADE_AT_FIRST: Final = "The first `heliograph serve` or `heliograph migrate` creates it."
_AS_OWNER: Final = "Run this command as the user that runs Heliograph, such as with sudo -u USER."


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")] = False) -> None:
    """Check settings, data folder, disk, database, schema, key, clock and network rules; say what is wrong and what to do.

    Changes nothing. Exit code 0: all is well; 1: something has to be fixed.
    """
    checks = list(_examined())
    if as_json:
        typer.echo(json.dumps({"ok": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]}))
    else:
        _print(checks)
    if not all(c.ok for c in checks):
        raise typer.Exit(1)


def _examined() -> Iterator[Check]:
    """The checks, one after another. If one fails, those that depend on it are skipped."""
    from heliograph.store import doctor_checks  # noqa: PLC0415

    try:
        options = Options.load()
    except OptionsError as error:
        yield doctor_checks.Check("settings", False, str(error), "Correct this setting; docs/reference/settings.md lists them all.")
        return
    unsafe = options.unsafe()
    yield doctor_checks.Check(
        "settings",
        not unsafe,
        " ".join(unsafe) or "The settings are valid.",
        "A production start refuses this: change it first." if unsafe else "",
    )
    for warning in options.doubtful():
        yield doctor_checks.Check("addresses", True, warning)
    for sentence in unknown_settings(os.environ):
        yield doctor_checks.Check("settings", False, sentence, "Correct its name, or remove it; docs/reference/settings.md lists all.")
    if options.data.exists():
        yield doctor_checks.folder_is_writable(options.data)
    else:
        yield doctor_checks.Check("data folder", True, f"There is no folder {options.data} yet.", _MADE_AT_FIRST)
    if options.on_sqlite:
        yield doctor_checks.folder_is_local(options.data)
    yield doctor_checks.disk_has_room(next(folder for folder in (options.data, *options.data.absolute().parents) if folder.exists()))
    yield _of_descriptors(options)
    yield doctor_checks.proxies_are_ignored(os.environ)
    yield doctor_checks.networks_are_narrow(options.allowed_networks)
    if options.folders != Path():
        yield replace(doctor_checks.folder_is_writable(options.folders), name="watched folders")
    if options.commands != Path():
        yield _of_programs(options.commands)
    yield from _of_database(options)


def _of_descriptors(options: Options) -> Check:
    """The file limit of the service that runs, which its unit or container sets; of this shell only if none answers."""
    from heliograph.commands.status import ask_processes  # noqa: PLC0415
    from heliograph.store import doctor_checks  # noqa: PLC0415

    processes = ask_processes(*host_and_port(options.operations_bind), options.installation)
    if processes is not None and processes.most_files is not None:
        return doctor_checks.descriptors_suffice(processes.most_files, owner="The service that runs")
    return doctor_checks.descriptors_suffice(doctor_checks.own_descriptors(), owner="A process that is started from here")


def _of_programs(path: Path) -> Check:
    """Whether the file of programs can be used, and what it names is there."""
    from heliograph.sources.commands_file import CommandsError, read_commands  # noqa: PLC0415
    from heliograph.store import doctor_checks  # noqa: PLC0415

    try:
        commands = read_commands(path)
    except CommandsError as error:
        return doctor_checks.Check("programs", False, str(error), "Correct the file; docs/running/README.md says what an entry has.")
    for command in commands.values():
        if not os.access(command.argv[0], os.X_OK):
            return doctor_checks.Check(
                "programs", False, f"{command.name} names {command.argv[0]}, which cannot be run.", "Install it there."
            )
        for place in filter(None, (command.config, command.catalog)):
            if not os.access(place, os.R_OK):
                return doctor_checks.Check("programs", False, f"{command.name} names {place}, which cannot be read.", _AS_OWNER)
    return doctor_checks.Check("programs", True, f"{path} lists {len(commands)} that sources may run.")


def _of_database(options: Options) -> Iterator[Check]:
    from heliograph.store import doctor_checks  # noqa: PLC0415

    try:
        exists = not options.on_sqlite or options.sqlite_file.exists()
    except OSError as error:
        yield doctor_checks.Check("database", False, f"The folder of {options.sqlite_file} cannot be read: {error.strerror}.", _AS_OWNER)
        return
    if not exists:
        from heliograph.store.moving.original import FileMovedAway, check_not_set_aside  # noqa: PLC0415

        try:
            check_not_set_aside(options.sqlite_file)
        except FileMovedAway as error:
            sentence, _, cure = str(error).partition(". ")
            yield doctor_checks.Check("database", False, f"{sentence}.", cure)
            return
        yield doctor_checks.Check("database", True, f"There is no database {options.sqlite_file} yet.", _MADE_AT_FIRST)
        return
    from heliograph.commands import ready  # noqa: PLC0415

    ready(django=False)
    from heliograph.store import schema  # noqa: PLC0415
    from heliograph.store.connection_budget import ConnectionBudget  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    answers, db = doctor_checks.database_answers(lambda: open_database(options, read_only=True))
    yield answers
    if db is None:
        return
    if not options.on_sqlite:
        from heliograph.store.pooler import keeps_sessions  # noqa: PLC0415 -- with psycopg

        pooler = doctor_checks.sessions_are_kept(lambda: keeps_sessions(options.database_url))
        yield pooler
        if pooler.ok:  # another pooler could end the session, which the checks below need
            yield doctor_checks.server_has_room(db)
    current = doctor_checks.schema_is_current(db, schema.migrations())
    yield current
    yield _of_key(options, db)
    yield doctor_checks.clocks_agree(db)
    if current.ok:
        yield doctor_checks.search_has_its_index(db)
        if not options.on_sqlite:
            budget = ConnectionBudget(options.page_threads, has_fast_door=bool(options.ingest_bind))
            yield doctor_checks.connections_suffice(db, budget)
        schedule = options.backup_schedule
        if schedule is not None and schedule.folder.exists():
            yield replace(doctor_checks.folder_is_writable(schedule.folder), name="backup folder")
        yield doctor_checks.backups_are_made(db, schedule.every if schedule is not None else None)
        yield doctor_checks.copy_is_released(db)


def _of_key(options: Options, db: Database) -> Check:
    from heliograph.store import doctor_checks, schema  # noqa: PLC0415
    from heliograph.store.secrets import Vault  # noqa: PLC0415

    try:
        return doctor_checks.key_fits(db, Vault(options.keys))
    except NoKeyFile as error:
        if schema.lacking(db) == schema.migrations():
            return doctor_checks.Check("key", True, f"There is no key file {options.key_place} yet.", _MADE_AT_FIRST)
        return doctor_checks.Check("key", False, str(error), "Put the key back: stored secrets cannot be read without it.")
    except OptionsError as error:
        return doctor_checks.Check("key", False, str(error), "Stored secrets cannot be read without the key.")


def _print(checks: list[Check]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    for check in checks:
        word, style = ("well", "green") if check.ok and not check.cure else ("note", "yellow") if check.ok else ("WRONG", "bold red")
        console.print(f"[{style}]{word:>5}[/{style}]  [bold]{check.name}[/bold]: {check.sentence}", highlight=False, soft_wrap=True)
        if check.cure:
            console.print(f"       {check.cure}", highlight=False, soft_wrap=True)
    wrong = sum(not c.ok for c in checks)
    console.print("\nAll is well." if not wrong else f"\n{wrong} to fix.", highlight=False)


def register(app: typer.Typer) -> None:
    app.command()(doctor)
