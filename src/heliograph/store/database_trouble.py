"""Why the database cannot be used: what an error of a driver or of the file system says about it (O12).

An error that another try may not meet again, such as a lost race or a lock that was not given in time, is no trouble of this kind.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from enum import StrEnum
from typing import Final


class Trouble(StrEnum):
    """What is wrong, as a sentence."""

    UNREACHABLE = "The database does not answer."
    FULL = "The disk is full."
    READ_ONLY = "The database can only be read."
    DAMAGED = "The database is damaged."
    FAILING = "The disk reports errors."
    NO_FILES = "No more files can be opened."


CURES: Final = {
    Trouble.UNREACHABLE: "Check HELIOGRAPH_DATABASE_URL, and that the server runs and accepts connections from this machine.",
    Trouble.FULL: "Free some space on the disk of the data folder and of the database, then try again.",
    Trouble.READ_ONLY: "Let the database be written: a folder or file system that is mounted read-only, or a standby server, cannot be used."
    " During a failover, wait until a standby has become the primary.",
    Trouble.DAMAGED: "Stop Heliograph, keep a copy of the database as it is, and restore the last backup.",
    Trouble.FAILING: "Look into the system's log (dmesg) for errors of the disk.",
    Trouble.NO_FILES: "Raise the limit of open files (LimitNOFILE= in systemd, ulimit -n) and start again; `heliograph doctor` says what it is.",
}
"""What an operator can do about each."""
_CURES_BY_MESSAGE: Final = (
    (
        "certificate verify failed",
        "The authority in the file of sslrootcert has not signed the server's certificate, or it has expired. Give the file of the right authority.",
    ),
    (
        "does not match host name",
        "With sslmode=verify-full the URL's host must be a name of the server's certificate: write it as the certificate does.",
    ),
    (
        "root certificate file",
        "Give sslrootcert in HELIOGRAPH_DATABASE_URL a file with the authority's certificate that this user can read.",
    ),
    ("does not support SSL", "Let the server use TLS (ssl = on, with ssl_cert_file and ssl_key_file), or give another sslmode."),
    ("no encryption", "The server takes encrypted connections only: add sslmode=verify-full and sslrootcert to HELIOGRAPH_DATABASE_URL."),
    ("authentication failed", "Check user and password of HELIOGRAPH_DATABASE_URL, and the server's pg_hba.conf."),
    ("too many clients", "Raise max_connections of the server, which says how many it takes (docs/running/deployment.md)."),
    ("connection slots are reserved", "Raise max_connections of the server, which says how many it takes (docs/running/deployment.md)."),
)
"""What libpq and the server say when they refuse a connection, and what to do; only their words tell these cases apart."""
_BY_ERRNO: Final = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EFBIG: Trouble.FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EIO: Trouble.FAILING,
    errno.EMFILE: Trouble.NO_FILES,
    errno.ENFILE: Trouble.NO_FILES,
}
_BY_SQLITE_CODE: Final = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: Trouble.UNREACHABLE,
    sqlite3.SQLITE_PERM: Trouble.UNREACHABLE,
    sqlite3.SQLITE_IOERR: Trouble.FAILING,
}
_BY_SQLSTATE: Final = {
    "53100": Trouble.FULL,
    "25006": Trouble.READ_ONLY,
    "58030": Trouble.FAILING,
    "XX001": Trouble.DAMAGED,
    "XX002": Trouble.DAMAGED,
}
"""PostgreSQL's codes (its manual, appendix A)."""
_STANDBY: Final = ("server is in hot standby mode", "session is read-only")
"""What libpq says, without a code, of a server that `target_session_attrs` does not want."""
_NO_SOCKET: Final = os.strerror(errno.EMFILE), os.strerror(errno.ENFILE)
"""What libpq says, without a code, when it gets no socket."""
_CLASSES_OF_A_LOST_SERVER: Final = ("08", "28", "3D", "53", "57P")
"""Connection failures, refused sign-ins, a missing database, too few resources, a server that stops."""


def trouble_of(error: BaseException | None) -> Trouble | None:
    """What the error, or the error that it was raised from, says about the database. None: nothing."""
    while error is not None:
        if trouble := _of_error(error):
            return trouble
        error = error.__cause__
    return None


def is_of_closed_session(error: BaseException) -> bool:
    """True for what psycopg says of each statement on a session that has ended. Why it has ended was said before."""
    return "the connection is closed" in str(error)


def cure_of(trouble: Trouble, error: BaseException) -> str:
    """What an operator can do about it."""
    message = str(error)
    return next((cure for words, cure in _CURES_BY_MESSAGE if words in message), CURES[trouble])


def detail_of(error: BaseException) -> str:
    """The first line of what the driver or the system says, for the log and for the operator; never for a page."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]


def _of_error(error: BaseException) -> Trouble | None:
    if isinstance(error, sqlite3.Error):
        if isinstance(error.__cause__, OSError):  # of `store.log.Log.force`
            return _BY_ERRNO.get(error.__cause__.errno or 0, Trouble.FAILING)
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # SQLite could not make its shared memory larger, which is a file as well
            return Trouble.FULL
        trouble = _BY_SQLITE_CODE.get(code & 0xFF)
        return Trouble.NO_FILES if trouble is Trouble.UNREACHABLE and not _can_open_a_file() else trouble
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    psycopg = sys.modules.get("psycopg")
    if psycopg is None or not isinstance(error, psycopg.Error):
        return None
    code = error.sqlstate or ""
    if code in _BY_SQLSTATE:
        return _BY_SQLSTATE[code]
    if code:
        return Trouble.UNREACHABLE if code.startswith(_CLASSES_OF_A_LOST_SERVER) else None
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return None
    if any(words in str(error) for words in _NO_SOCKET):
        return Trouble.NO_FILES
    return Trouble.READ_ONLY if any(words in str(error) for words in _STANDBY) else Trouble.UNREACHABLE


def _can_open_a_file() -> bool:
    """False if this process has used up its descriptors: SQLite says only that it cannot open the database."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    return True
