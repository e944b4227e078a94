"""What the commands for operators share: the account, documents of the REST API, and tables."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from heliograph.commands import ready_for_data
from heliograph.commands.setup_commands import CommandError, find_account

if TYPE_CHECKING:
    from rich.table import Table

    from heliograph.accounts.models import Account
    from heliograph.deliveries.account_reader import AccountReader

OfAccount = Annotated[str, typer.Option("--account", help="Code of the account.")]
_WIDE: Final = 10_000
"""Columns of a table that no terminal shows: a row is a line."""
_LISTED: Final = 20
"""Names that an error lists."""
_MARKS_OF_DIRECTION: Final = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@contextmanager
def in_account(code: str, *, of_signal: bool = True) -> Iterator[Account]:
    """The account of this code; times are in its time zone meanwhile, as on its pages. Raises CommandError.

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


# --- output


def print_documents(documents: object) -> None:
    """Prints what the REST API would answer, as JSON in one line."""
    import msgspec  # noqa: PLC0415

    from heliograph.api.json_serializer import JsonSerializer  # noqa: PLC0415

    typer.echo(msgspec.json.encode(documents, enc_hook=JsonSerializer.serialize_hook).decode())


def readable(text: object) -> str:
    """A text for a terminal, without the marks of direction around names, and without what a terminal would obey: a target may answer anything."""
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
