"""`heliograph rotate-key`: a new key for all stored secrets (C5)."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.commands import ready_for_data
from heliograph.domain.errors import HeliographError
from heliograph.options import PREFIX, Options


class RotateError(HeliographError):
    """The key has not been rotated."""


def rotate_key(
    make: Annotated[bool, typer.Option("--make", help="Only print a new key, for HELIOGRAPH_KEY. Changes nothing.")] = False,
) -> None:
    """Encrypt every stored secret with a new key, while Heliograph runs. Can be interrupted and run again; the old key stays until the end.

    With a key file: the command puts a new key first, encrypts all secrets with it, and removes the old keys. If the file already has
    several keys, because an earlier run was interrupted or you have added one, it uses the first of them. On several machines, first put
    the same new key on top of each key file. With HELIOGRAPH_KEY: put a new key before the old one, separated by a comma; restart; run
    this; remove the old key. After the next restart, people have to sign in again.
    """
    from cryptography.fernet import Fernet  # noqa: PLC0415

    if make:
        typer.echo(Fernet.generate_key().decode("ascii"))
        return
    options = Options.load()
    ready_for_data()
    from heliograph.store.key_file import alone, write_keys  # noqa: PLC0415

    if options.key.get_secret_value():
        if len(options.keys) == 1:
            raise RotateError(
                f"{PREFIX}KEY contains only one key. Put a new one before it, separated by a comma (`heliograph rotate-key --make` prints"
                " one), restart every process, and run this again."
            )
        _reencrypt(options)
        typer.echo(f"All secrets are encrypted with the first key of {PREFIX}KEY. Remove the others, and restart every process.")
        return
    with alone(options.key_place):
        if len(options.keys) == 1:
            write_keys(options.key_place, [Fernet.generate_key().decode("ascii"), *options.keys])
        _reencrypt(options)
        write_keys(options.key_place, options.keys[:1])
    typer.echo(f"All secrets are encrypted with the new key in {options.key_place}. Keep a copy of it, apart from the backups.")


def _reencrypt(options: Options) -> None:
    from contextlib import closing  # noqa: PLC0415

    from heliograph.store.rotation import renew, settle  # noqa: PLC0415
    from heliograph.store.secrets import Vault, check_key  # noqa: PLC0415
    from heliograph.wiring import open_database  # noqa: PLC0415

    vault = Vault(options.keys)
    with closing(open_database(options)) as db:
        with db.transaction():
            check_key(db, vault)
        done = renew(db, vault, on_chunk=lambda so_far: typer.echo(f"{so_far} encrypted", err=True))
        done += settle(db, vault)
    typer.echo(f"{done} secrets were encrypted with the new key.")


def register(app: typer.Typer) -> None:
    app.command()(rotate_key)
