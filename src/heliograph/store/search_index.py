"""The search index: finds words anywhere in the texts of registrations, by all runs of three characters.

It finds a rare word among millions of registrations. A common word needs no index, because the list of registrations meets enough matches in
its own order. Words of one or two characters are not indexed.

    SQLite        a table of FTS5
    PostgreSQL    a table with an index of pg_trgm; without that extension there is none, and searching is as exact but slower

Triggers write it, only if a registration's searched texts change; most changes leave them as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from heliograph.store import driver_errors
from heliograph.store.database import Database
from heliograph.store.like import contains_words
from heliograph.store.where import Where

FEW: Final = 2_000
"""The most registrations that the index returns by id."""
_LENGTH: Final = 3
_OVERWRITES: Final = (3, 42)

_SQLITE: Final = (
    "CREATE VIRTUAL TABLE registration_search USING fts5(search, tokenize = 'trigram case_sensitive 1', content = '', detail = none, columnsize = 0)",
    "INSERT INTO registration_search (rowid, search) SELECT id, search FROM registration WHERE search <> ''",
    (
        "CREATE TRIGGER registration_search_new AFTER INSERT ON registration WHEN new.search <> ''"
        " BEGIN INSERT INTO registration_search (rowid, search) VALUES (new.id, new.search); END"
    ),
    (
        "CREATE TRIGGER registration_search_changed AFTER UPDATE OF search ON registration WHEN new.search <> old.search BEGIN"
        " INSERT INTO registration_search (registration_search, rowid, search) SELECT 'delete', old.id, old.search WHERE old.search <> '';"
        " INSERT INTO registration_search (rowid, search) SELECT new.id, new.search WHERE new.search <> ''; END"
    ),
    (
        "CREATE TRIGGER registration_search_gone AFTER DELETE ON registration WHEN old.search <> ''"
        " BEGIN INSERT INTO registration_search (registration_search, rowid, search) VALUES ('delete', old.id, old.search); END"
    ),
)
_POSTGRES: Final = (
    "CREATE TABLE registration_search (registration_id bigint PRIMARY KEY, account_id bigint NOT NULL, search text NOT NULL)",
    "INSERT INTO registration_search SELECT id, account_id, search FROM registration WHERE search <> ''",
    "CREATE INDEX registration_search_runs ON registration_search USING gin (search gin_trgm_ops)",
    (
        "CREATE FUNCTION registration_search_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF TG_OP <> 'INSERT' THEN DELETE FROM registration_search WHERE registration_id = OLD.id; END IF;"
        " IF TG_OP <> 'DELETE' THEN INSERT INTO registration_search VALUES (NEW.id, NEW.account_id, NEW.search); END IF; RETURN NULL; END $$"
    ),
    "CREATE TRIGGER registration_search_new AFTER INSERT ON registration FOR EACH ROW WHEN (NEW.search <> '') EXECUTE FUNCTION registration_search_write()",
    (
        "CREATE TRIGGER registration_search_changed AFTER UPDATE OF search ON registration FOR EACH ROW WHEN (NEW.search <> OLD.search)"
        " EXECUTE FUNCTION registration_search_write()"
    ),
    "CREATE TRIGGER registration_search_gone AFTER DELETE ON registration FOR EACH ROW WHEN (OLD.search <> '') EXECUTE FUNCTION registration_search_write()",
)
_GONE: Final = {
    # A migration that alters the table of registrations makes it anew on SQLite, without its triggers.
    "sqlite": "SELECT 3 - count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'registration_search_%'",
    "postgresql": "SELECT 3 - count(*) FROM pg_trigger WHERE tgrelid = 'registration'::regclass AND tgname LIKE 'registration_search_%'",
}
_DROPPED: Final = {
    "sqlite": (
        "DROP TABLE IF EXISTS registration_search",
        *(f"DROP TRIGGER IF EXISTS registration_search_{name}" for name in ("new", "changed", "gone")),
    ),
    "postgresql": ("DROP TABLE IF EXISTS registration_search", "DROP FUNCTION IF EXISTS registration_search_write CASCADE"),
}


def ensure(db: Database) -> bool:
    """Makes the index if it is missing, in a transaction of its own. Returns whether it exists: a PostgreSQL server may lack pg_trgm."""
    if db.all(_GONE[db.vendor]) == [(0,)]:
        return True
    if db.vendor == "postgresql" and not _has_trigrams(db):
        return False
    with db.transaction():
        for sql in (*_DROPPED[db.vendor], *(_SQLITE if db.vendor == "sqlite" else _POSTGRES)):
            db.run(sql)
    return True


def _has_trigrams(db: Database) -> bool:
    try:
        with db.transaction():
            db.run("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except driver_errors.all_errors():  # not installed, or this user may not create it
        return False
    return True


def exists(db: Database) -> bool:
    """Whether the index exists."""
    return db.all(_GONE[db.vendor]) == [(0,)]


def overwrite_deleted(db: Database, overwrites: bool) -> None:
    """Has SQLite remove what is deleted from the index from its pages, too (B7), or leave that to later merges of them, which is faster.

    It holds from the caller's commit on for all connections, because the index stores it. Needs SQLite 3.42; an older one leaves it to merges.
    """
    if db.vendor == "sqlite" and sqlite3.sqlite_version_info >= _OVERWRITES and exists(db):
        db.run("INSERT INTO registration_search (registration_search, rank) VALUES ('secure-delete', :on)", {"on": int(overwrites)})


def are_many_with(db: Database, account: int, words: Sequence[str]) -> bool:
    """True if the index proves that more than FEW registrations contain all these folded words. SQLite's index knows only runs of characters,
    so it proves nothing."""
    is_known = db.vendor == "postgresql" and all(len(word) >= _LENGTH for word in words) and exists(db)
    return is_known and few_with(db, account, words) is None


def few_with(db: Database, account: int, words: Sequence[str], most: int = FEW) -> list[int] | None:
    """The registrations of an account that may contain all these folded words; None if they are more than `most`, or if the index cannot tell.

    The caller has to check the words, because the index knows only runs of characters.
    """
    long = [word for word in words if len(word) >= _LENGTH and "\0" not in word]
    if not long or not exists(db):
        return None
    if db.vendor == "sqlite":
        runs = dict.fromkeys(word[at : at + _LENGTH] for word in long for at in range(len(word) - _LENGTH + 1))
        match = " AND ".join('"' + run.replace('"', '""') + '"' for run in runs)
        rows = db.all(
            f"SELECT rowid FROM registration_search WHERE registration_search MATCH :match LIMIT {int(most) + 1}", {"match": match}
        )
    else:
        where = Where("account_id = :account", account=account) & contains_words("search", long)
        rows = db.all(f"SELECT registration_id FROM registration_search WHERE {where.sql} LIMIT {int(most) + 1}", where.params)
    return [id for (id,) in rows] if len(rows) <= most else None
