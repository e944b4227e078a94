"""Shared by the commands for operators: the account, documents of the REST API, tables, and the progress of work, which Ctrl-C leaves running."""

from __future__ import annotations

import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands import ready_for_data
from heliograph.commands.setup_commands import CommandError, find_account
from heliograph.engine.stop_signals import stop_signals

if TYPE_CHECKING:
    from rich.table import Table

    from heliograph.accounts.models import Account
    from heliograph.deliveries.account_reader import AccountReader
    from heliograph.jobs.models import Job

OfAccount = Annotated[str, typer.Option("--account", help="Code of the account.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Begin it and stop. Default: show the progress until it ends.")]
LEFT: Final = 130
"""The exit code of a command that Ctrl-C ended while its work goes on."""
_WIDE: Final = 10_000
"""Characters of a line of a table if the output is no terminal: so a row is always one line."""
_LISTED: Final = 20
"""Names that an error lists."""
_MARKS_OF_DIRECTION: Final = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_LOOK: Final = 0.5
"""Seconds between two reads of the state of work."""
_SAY: Final = 10.0
"""Seconds between two lines of progress if the output is no terminal."""


@contextmanager
def in_account(code: str, *, of_signal: bool = True) -> Iterator[Account]:
    """The account of this code. Within the block, times are in its time zone, as on its pages. Raises CommandError.

    of_signal: whether Signal has to be on, as for the pages of Signal
    """
    ready_for_data()
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from django.utils import timezone  # noqa: PLC0415
    from django_scopes import scope  # noqa: PLC0415

    account = find_account(code)
    if of_signal and not account.signal_enabled:
        raise CommandError(f"Signal is off for the account {account.code}.")
    with scope(account=account.pk), timezone.override(ZoneInfo(account.timezone)):
        yield account


def find_flow(reader: AccountReader, name: str) -> int:
    """The id of the flow of this name or id; a deleted flow only by its id. Raises CommandError, which lists the flows."""
    from heliograph.domain.ids import read_id  # noqa: PLC0415
    from heliograph.setup.name_fields import folded  # noqa: PLC0415

    flows = {flow.id: flow.name for flow in reader.config.flows.values()}
    matching = [id for id, known in flows.items() if known and folded(known) == folded(name)]
    if len(matching) > 1:
        raise CommandError(f"Several flows are named {name!r}. Give the id: {', '.join(map(str, matching))}.")
    if matching:
        return matching[0]
    id = read_id(name)
    if id is not None and reader.flow_names([id]):
        return id
    listed = ", ".join(f"{known or 'without a name'} ({number})" for number, known in list(flows.items())[:_LISTED])
    raise CommandError(f"There is no flow {name!r}." + (f" Flows: {listed}." if listed else ""))


def find_event(reader: AccountReader, code: str) -> int:
    """The id of the event of this code. Raises CommandError."""
    event = reader.event_of_code(code)
    if event is None:
        raise CommandError(f"There is no event {code!r} in this account.")
    return event.id


def not_empty(text: str | None) -> str | None:
    """The text of an option that narrows a selection. Raises BadParameter for an empty one, as of a variable that is not set: it would select
    more, not less."""
    if text is not None and not text.strip():
        raise typer.BadParameter("it is empty")
    return text


# --- output


def print_documents(documents: object) -> None:
    """Prints what the REST API would answer, as JSON in one line."""
    import msgspec  # noqa: PLC0415

    from heliograph.api.json_serializer import JsonSerializer  # noqa: PLC0415

    typer.echo(msgspec.json.encode(documents, enc_hook=JsonSerializer.serialize_hook).decode())


def readable(text: object) -> str:
    """A text for a terminal, without control characters and marks of writing direction, because a target may answer anything."""
    return "".join(
        sign
        for sign in str(text)
        if sign == "\n" or (unicodedata.category(sign) != "Cc" and unicodedata.bidirectional(sign) not in _MARKS_OF_DIRECTION)
    )


def print_text(*lines: object) -> None:
    """Prints lines; empty ones are left out."""
    for line in lines:
        if text := readable(line):
            typer.echo(text)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows below their heads. Without a terminal, a row is a line."""
    from rich.table import Table  # noqa: PLC0415

    _print(Table(*heads, box=None, pad_edge=False), rows)


def print_rows(rows: Sequence[Sequence[object]]) -> None:
    """Prints rows without heads."""
    from rich.table import Table  # noqa: PLC0415

    _print(Table.grid(padding=(0, 2)), rows)


def _print(table: Table, rows: Sequence[Sequence[object]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    for row in rows:
        table.add_row(*(escape(readable(cell)) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE).print(table)


# --- work that goes on


@dataclass(frozen=True, slots=True)
class Watched[State]:
    """Work that goes on by itself, such as a job.

    read: reads its state
    progress: how far it is, in words
    is_over: whether nothing more happens to it by itself
    """

    read: Callable[[], State]
    progress: Callable[[State], str]
    is_over: Callable[[State], bool]


def watch[State](watched: Watched[State], *, goes_on: str, as_json: bool) -> State:
    """Shows the progress of work until it is over, and returns the last state. Ctrl-C leaves it running: the command ends with the exit code LEFT.

    goes_on: says how to see it again
    as_json: progress is printed beside the answer, on stderr
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    console = Console(stderr=as_json, highlight=False)
    with _left_by_signals() as left:
        if not console.is_terminal:
            state = _watch(watched, left, _Lines(to_stderr=as_json).say)
        else:
            with console.status("") as line:
                state = _watch(watched, left, lambda text: line.update(escape(text)))
    if not watched.is_over(state):
        typer.echo(f"It goes on. {goes_on}", err=as_json)
        raise typer.Exit(LEFT)
    return state


def _watch[State](watched: Watched[State], left: threading.Event, say: Callable[[str], None]) -> State:
    while not watched.is_over(state := watched.read()):
        say(readable(watched.progress(state)))
        if left.wait(_LOOK):
            break
    return state


@contextmanager
def _left_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, even if the shell that started the command ignores them."""
    left = threading.Event()
    with stop_signals(left.set):
        yield left


class _Lines:
    """Progress as lines, for an output that is no terminal: at most one every `_SAY` seconds."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._to_stderr = to_stderr
        self._last, self._next = "", 0.0

    def say(self, text: str) -> None:
        """Prints the text, unless it equals the last line, or that was printed less than `_SAY` seconds ago."""
        now = time.monotonic()
        if text != self._last and now >= self._next:
            self._last, self._next = text, now + _SAY
            typer.echo(text, err=self._to_stderr)


def watch_job(job: Job, *, as_json: bool) -> Job:
    """Shows a job's progress until it ends or is paused, and returns its last row."""
    from heliograph.jobs import control  # noqa: PLC0415
    from heliograph.jobs.models import JobState  # noqa: PLC0415
    from heliograph.jobs.page import how_far  # noqa: PLC0415

    typer.echo(f"Job {job.pk}. `heliograph serve` runs it; Ctrl-C leaves it running.", err=as_json)
    watched = Watched(lambda: control.find(job.pk), how_far, lambda row: row.is_over or row.state in (JobState.PAUSED, JobState.FAILED))
    return watch(watched, goes_on=f"heliograph jobs show {job.pk}", as_json=as_json)
