"""`heliograph seed`: invents a history of any size, for trials and benchmarks (X2, O1)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands import ready
from heliograph.domain.errors import HeliographError
from heliograph.engine.stop_signals import stop_signals
from heliograph.options import Options

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from heliograph.seed.history import History
    from heliograph.seed.history_plan import HistoryPlan
    from heliograph.store.database import Database

CHANGES: Final = typer.Option("--changes", help="How many changes to invent.", min=1)
ACCOUNT: Final = typer.Option(help="Code of the account. It is created; one that exists has to be an earlier seed's.")
ADD: Final = typer.Option("--add", help="Give an account that has a history another one beside it.")
YES: Final = typer.Option("--yes", help="Do not ask before writing into a database that has other accounts or running workers.")
SEED: Final = typer.Option("--seed", help="The same number gives the same history.")


class SeedRefused(HeliographError):
    """Nothing is invented here."""


def seed(
    changes: Annotated[int, CHANGES],
    account: Annotated[str, ACCOUNT] = "SEEDED",
    number: Annotated[int, SEED] = 1,
    add: Annotated[bool, ADD] = False,
    yes: Annotated[bool, YES] = False,
) -> None:
    """Invent a plausible history in an account of its own: for trials and benchmarks, never for an account in use.

    Registrations with names of many scripts, and their changes over the last 30 days; what flows decided, deliveries, failures of every
    category, retries, replays; all figures. Four events, four flows and connections to hosts that do not exist. On SQLite, `heliograph
    serve` must not run meanwhile. Ctrl-C ends the history early, and leaves it complete as far as it went.
    """
    options = Options.load()
    ready(first_start=True)
    from rich.console import Console  # noqa: PLC0415

    from heliograph.seed.history import History  # noqa: PLC0415
    from heliograph.seed.history_account import prepare  # noqa: PLC0415
    from heliograph.seed.history_plan import MANY, HistoryPlan  # noqa: PLC0415
    from heliograph.seed.history_rows import TABLES  # noqa: PLC0415
    from heliograph.store.deferred_indexes import defer  # noqa: PLC0415
    from heliograph.store.schema_update import migrate  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    console = Console(stderr=True)
    with _alone(options), contextlib.closing(open_database(options)) as db:
        migrate()
        db.allow_long_pauses()  # on a slow host, rows take longer to invent than a worker may be idle
        others = _others(db, account)
        if others and not yes and not (console.is_terminal and typer.confirm(f"{others} Invent a history for {account} in it?", err=True)):
            raise SeedRefused(f"{others} Nothing was written; --yes writes all the same.")
        is_alone = not others
        made = prepare(db, account, add=add)
        minute = 60_000_000
        plan = HistoryPlan.for_changes(changes, db.now() // minute * minute, number)
        history = History(db, made, plan)
        began = time.monotonic()
        with _log_cared_for(options):
            if is_alone and plan.changes >= MANY:
                defer(db, TABLES)
            _write(history, plan, console)
            wrote = time.monotonic() - began
            _make_indexes(db, console)
        took = time.monotonic() - began
    rows = history.rows.written
    console.print(
        f"{account}: {history.done:,} changes of {rows['registration']:,} registrations, {rows['action']:,} actions, {rows['attempt']:,} attempts"
        f" in {took:,.0f} s ({history.done / took:,.0f} changes a second), {took - wrote:,.0f} s of them for the indexes."
    )


@contextlib.contextmanager
def _alone(options: Options) -> Iterator[None]:
    """Holds the data folder as `serve` does, on SQLite. Raises SeedRefused if it runs."""
    if not options.on_sqlite:
        yield
        return
    from heliograph.engine.supervisor.processes import FolderInUse, folder_lock  # noqa: PLC0415

    try:
        with folder_lock(options.data, "serve"):
            yield
    except FolderInUse:
        raise SeedRefused("`heliograph serve` is running with this data folder. Stop it first: a seed writes all the time.") from None


def _others(db: Database, code: str) -> str:
    """A sentence about running workers or other accounts in this database; "" if there are none."""
    others = [
        other_code
        for (other_code,) in db.all("SELECT code FROM accounts_account WHERE code <> :code ORDER BY code LIMIT 3", {"code": code})
    ]
    workers = db.all("SELECT 1 FROM worker LIMIT 1")
    if workers:
        return "Workers are running with this database."
    return f"This database has other accounts: {', '.join(others)}." if others else ""


def _write(history: History, plan: HistoryPlan, console: Console) -> None:
    """Writes the history with its progress."""
    stop = threading.Event()
    with stop_signals(stop.set), _progress(console) as bar:
        task = bar.add_task("Inventing", total=plan.changes)
        history.write(lambda done: bar.update(task, completed=done), stop.is_set)


def _make_indexes(db: Database, console: Console) -> None:
    """Makes the indexes that were set aside, if any."""
    from heliograph.store.deferred_indexes import renew_statistics, restore  # noqa: PLC0415

    with _progress(console) as bar:
        task = bar.add_task("Making indexes", total=None)
        restore(db, lambda done, total: bar.update(task, completed=done, total=total))
        renew_statistics(db)


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), TimeRemainingColumn(elapsed_when_finished=True),
    )  # fmt: skip
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextlib.contextmanager
def _log_cared_for(options: Options) -> Iterator[None]:
    """Checkpoints SQLite's log while the history is written, and empties it at the end."""
    if not options.on_sqlite:
        yield
        return
    from heliograph.store import wal  # noqa: PLC0415

    stop = threading.Event()
    care = threading.Thread(target=wal.care, args=(options.sqlite_file, stop), name="wal", daemon=True)
    care.start()
    try:
        yield
    finally:
        stop.set()
        care.join(30.0)


def register(app: typer.Typer) -> None:
    app.command()(seed)
