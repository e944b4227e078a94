"""What a command says instead of a traceback if the operator, not a programmer, can cure the failure (O12)."""

from __future__ import annotations

import os
import pwd
import sqlite3

from heliograph.domain.errors import HeliographError
from heliograph.options import Options
from heliograph.store.database_trouble import Trouble, cure_of, detail_of, trouble_of


def failure_sentence(error: BaseException) -> str | None:
    """Sentences that say what cannot be used, why, and what to do. None: the error is a bug of ours, and its traceback is needed."""
    trouble = trouble_of(error)
    if isinstance(error, PermissionError) or (trouble in (Trouble.UNREACHABLE, Trouble.READ_ONLY) and _is_of_sqlite(error)):
        return _of_rights(error)
    if trouble is not None:
        return f"{trouble.value} {_without_dot(detail_of(error))}. {cure_of(trouble, error)}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be used: {error.strerror}."
    return None


def _of_rights(error: BaseException) -> str:
    """A file or folder that this user may not open, read or write."""
    place = error.filename if isinstance(error, OSError) and error.filename else _sqlite_file()
    why = error.strerror if isinstance(error, OSError) else detail_of(error)
    return (
        f"{place} cannot be used by the user {_user()}: {why}. Run this command as the user that runs Heliograph (such as with sudo -u USER),"
        f" or let that user own and write the data folder."
    )


def _is_of_sqlite(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, sqlite3.Error):
            return True
        error = error.__cause__
    return False


def _sqlite_file() -> str:
    try:
        return str(Options.load().sqlite_file)
    except HeliographError:
        return "The database"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _without_dot(text: str) -> str:
    return text.rstrip(". ")
