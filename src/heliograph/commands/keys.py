"""`heliograph rotate-key`: a new key for everything that is sealed (spec C5)."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.commands import ready
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX, Options


class RotateError(HeliographError):
    """The key is not rotated."""


def rotate_key(
    make: Annotated[bool, typer.Option("--make", help="Only print a new key, for HELIOGRAPH_KEY; nothing is changed.")] = False,
) -> None:
    """Seal every stored secret with a new key, while Heliograph runs. Can be interrupted and run again; the old key stays until all is done.

    With a key file: a new key is put before the old one (a file with several keys gets none: it is where an earlier run stopped, or you have put
    one there), everything is sealed anew, and the old keys are taken out. With HELIOGRAPH_KEY: put a new key before the old one yourself,
    separated by a comma, restart, run this, and take the old one out. On several machines: put the same new line on top of each key file
    first. People sign in again after the next restart.
    """
    from cryptography.fernet import Fernet  # noqa: PLC0415

    if make:
        typer.echo(Fernet.generate_key().decode("ascii"))
        return
    options = Options.load()
    ready()
    from heliograph.store.keys import alone, write_keys  # noqa: PLC0415
    from heliograph.store.schema import check_schema  # noqa: PLC0415

    check_schema()
    if options.key.get_secret_value():
        if len(options.keys) == 1:
            raise RotateError(
                f"{PREFIX}KEY holds one key. Put a new one before it, separated by a comma (`heliograph rotate-key --make` prints one), restart"
                " every process with both, and run this again."
            )
        _seal_anew(options)
        typer.echo(f"Everything is sealed with the first key of {PREFIX}KEY. Take the others out, and restart every process.")
        return
    with alone(options.key_place):
        if len(options.keys) == 1:
            write_keys(options.key_place, [Fernet.generate_key().decode("ascii"), *options.keys])
        _seal_anew(options)
        write_keys(options.key_place, options.keys[:1])
    typer.echo(f"Everything is sealed with the new key in {options.key_place}. Keep a copy of it apart from the backups.")


def _seal_anew(options: Options) -> None:
    from contextlib import closing  # noqa: PLC0415

    from heliograph.store.rotation import renew, settle  # noqa: PLC0415
    from heliograph.store.secrets import Vault, check_key  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    vault = Vault(options.keys)
    with closing(open_database(options)) as db:
        with db.transaction():
            check_key(db, vault)
        done = renew(db, vault, on_chunk=lambda so_far: typer.echo(f"{so_far} sealed anew", err=True))
        done += settle(db, vault)
    typer.echo(f"{done} secrets were sealed anew.")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(rotate_key)
