"""Finds and runs PostgreSQL's own programs pg_dump and pg_restore, of the version that a server needs (O13).

A password is handed over by the environment, never by the command line, which every user of the machine can read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psycopg.conninfo import make_conninfo

from heliograph.domain.errors import HeliographError
from heliograph.store.postgres_connection import connection_parameters

_FOLDERS: Final = (
    "usr/lib/postgresql/*/bin",  # Debian
    "usr/pgsql-*/bin",  # the RPMs of postgresql.org
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
"""Below the root: where packages put programs of several versions side by side."""
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


class NoProgram(HeliographError):
    """There is no program of the right version."""


class ProgramFailed(HeliographError):
    """A program of PostgreSQL failed."""


@dataclass(frozen=True, slots=True)
class PostgresProgram:
    """pg_dump or pg_restore of one version."""

    path: Path
    major: int
    version: str
    """Such as "16.4"."""


def find_program(name: str, least: int, root: Path = Path("/")) -> PostgresProgram:
    """The oldest installed program of at least this major version. Raises NoProgram.

    A newer pg_dump reads an older server, never the other way round; the oldest that suffices writes the least that an older server would refuse.
    """
    places = [path for folder in _FOLDERS for path in root.glob(f"{folder}/{name}")]
    if on_path := shutil.which(name):
        places.append(Path(on_path))
    programs = [program for place in places if (program := _program(place))]
    suitable = [program for program in programs if program.major >= least]
    if not suitable:
        newest = max((program.major for program in programs), default=None)
        present = f"the newest here is {newest}" if newest else "there is none here"
        raise NoProgram(
            f"The server needs {name} of PostgreSQL {least} or later, but {present}. Install the client programs of that version (on Debian:"
            f" postgresql-client-{least}), or run this on a machine that has them."
        )
    return min(suitable, key=lambda program: (program.major, program.version))


def _program(path: Path) -> PostgresProgram | None:
    try:
        output = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603 -- PostgreSQL's program
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(output)
    return PostgresProgram(path, int(match[1]), match[1] + match[2]) if match else None


def connection_arguments(url: str) -> tuple[list[str], dict[str, str]]:
    """The arguments and the further environment with which a program connects to this database."""
    parts = connection_parameters(url)
    password = parts.pop("password", None)
    return ["--dbname", make_conninfo("", **parts), "--no-password"], {"PGPASSWORD": str(password)} if password is not None else {}


def run_program(program: PostgresProgram, arguments: Sequence[str], more: Mapping[str, str] | None = None) -> None:
    """Runs a program to its end. Raises ProgramFailed with what it reported.

    more: further variables of its environment
    """
    done = subprocess.run(  # noqa: S603 -- PostgreSQL's program
        [program.path, *arguments],
        env={**os.environ, "LC_ALL": "C", **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise ProgramFailed(failure_of(program, done.stderr))


def failure_of(program: PostgresProgram, errors: bytes) -> str:
    """A sentence with the first lines that a failed program has reported."""
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{program.path.name} {program.version} failed: {' '.join(lines[:3])[:500] or 'it reported nothing'}"
