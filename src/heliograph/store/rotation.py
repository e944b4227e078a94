"""Re-encrypts all sealed values with a new key (C5) while the product runs. It can be interrupted at any point and run again.

    1  add the new key before the old one           running processes notice by the key file
    2  renew: rows in chunks, one transaction each  rows that are already renewed are skipped
    3  settle: all rows once more, under a lock     nobody writes meanwhile; afterwards no row needs the old key
    4  remove the old key

Between 1 and 3 a process may still seal with the old key. So whoever writes a secret checks the key file before and after the statement,
and re-encrypts what was sealed before 1 and written after 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import oauth_token_store
from heliograph.store.database import Database, Row
from heliograph.store.secrets import SECOND_FACTOR, SecretError, SecretPlace, Vault

AT_ONCE: Final = 200
_LOCK: Final = "LOCK TABLE secret, oauth_access, mfa_authenticator IN SHARE ROW EXCLUSIVE MODE"


class RotationError(HeliographError):
    """The old key is still needed."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A table with sealed values. order: its primary key; place: of a row, given the key's columns and then account and value.

    within: the field of the JSON column `value` that is sealed; "" if the whole column is.
    """

    name: str
    value: str
    order: tuple[str, ...]
    place: Callable[[Row], SecretPlace]
    account: str = "account_id"
    within: str = ""

    @property
    def sealed(self) -> str:
        """SQL of the sealed value."""
        return f"{self.value} ->> '{self.within}'" if self.within else self.value

    def changed(self, vendor: str) -> str:
        """SQL of the column with `:new` in place of the sealed value."""
        if not self.within:
            return ":new"
        if vendor == "postgresql":
            return f"jsonb_set({self.value}, '{{{self.within}}}', to_jsonb(CAST(:new AS text)))"
        return f"json_set({self.value}, '$.{self.within}', :new)"


_TABLES: Final = (
    _Table("secret", "value", ("account_id", "kind", "row_id", "field"), lambda row: SecretPlace(*row[:4])),
    _Table("oauth_access", "sealed", ("connection_id",), lambda row: oauth_token_store.place(row[1], row[0])),
    # Second factors, in allauth's table.
    *(_Table("mfa_authenticator", "data", ("id",), lambda _: SECOND_FACTOR, account="0", within=name) for name in ("secret", "seed")),
)


def renew(db: Database, vault: Vault, *, on_chunk: Callable[[int], object] = lambda _: None) -> int:
    """Re-encrypts everything with the newest key, in chunks. Returns how many rows. Raises RotationError, after finishing the chunk, if no
    key opens a value."""
    done = 0
    for table in _TABLES:
        after: tuple[object, ...] = ()
        while True:
            with db.transaction():
                rows = _rows(db, table, after, AT_ONCE)
                renewed = _renew(db, vault, table, rows)
            done += renewed
            on_chunk(done)
            if len(rows) < AT_ONCE:
                break
            after = tuple(rows[-1][: len(table.order)])
    return done


def settle(db: Database, vault: Vault) -> int:
    """Renews all rows once more under a lock, in one transaction: afterwards the newest key opens everything. Raises RotationError."""
    with db.transaction():
        if db.vendor == "postgresql":
            db.run(_LOCK)
        return sum(_renew(db, vault, table, _rows(db, table, (), None)) for table in _TABLES)


def _rows(db: Database, table: _Table, after: tuple[object, ...], most: int | None) -> list[Row]:
    names = ", ".join(table.order)
    params: dict[str, object] = {f"after_{n}": value for n, value in enumerate(after)}
    beyond = f" AND ({names}) > ({', '.join(f':{name}' for name in params)})" if after else ""
    limit = f" LIMIT {most}" if most is not None else ""
    return db.all(
        f"SELECT {names}, {table.account}, {table.sealed} FROM {table.name} WHERE {table.sealed} IS NOT NULL{beyond} ORDER BY {names}{limit}",
        params,
    )


def _renew(db: Database, vault: Vault, table: _Table, rows: list[Row]) -> int:
    """Replaces values that are still the ones that were read. A value that was saved in between has the newest key already."""
    done = 0
    for row in rows:
        *key, _, sealed = row
        sealed_bytes = sealed.encode("ascii") if isinstance(sealed, str) else bytes(sealed)
        try:
            renewed = vault.renewed(table.place(row), sealed_bytes)
        except SecretError as error:
            raise RotationError(
                f"{error} The old key is kept. Delete what this secret belongs to, or save it again, and run this again."
            ) from None
        if renewed is None:
            continue
        condition = " AND ".join(f"{name} = :key_{n}" for n, name in enumerate(table.order))
        params: dict[str, object] = {f"key_{n}": value for n, value in enumerate(key)}
        params |= {"new": renewed.decode("ascii"), "old": sealed} if table.within else {"new": renewed, "old": sealed_bytes}
        done += db.run(
            f"UPDATE {table.name} SET {table.value} = {table.changed(db.vendor)} WHERE {condition} AND {table.sealed} = :old", params
        )
    return done
