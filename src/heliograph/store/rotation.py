"""A new key for everything that is sealed (C5), while the product runs. It can be interrupted anywhere, and run again.

    1  the new key stands before the old one        processes that run notice by the key file
    2  renew     rows in chunks, each a transaction  what was renewed before is passed over
    3  settle    once more, all, under a lock        nobody writes meanwhile; afterwards no row needs the old key
    4  the old key is gone

Between 1 and 3 a process may still seal with the old key: whoever writes a secret looks at the key file before and after the statement, so
what was sealed before 1 and written after 3 is sealed anew by its writer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from heliograph.domain.errors import HeliographError
from heliograph.store import oauth
from heliograph.store.database import Database, Row
from heliograph.store.secrets import SECOND_FACTOR, SecretError, SecretPlace, Vault

AT_ONCE: Final = 200
_LOCK: Final = "LOCK TABLE secret, oauth_access, mfa_authenticator IN SHARE ROW EXCLUSIVE MODE"


class RotationError(HeliographError):
    """The old key is still needed."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Where sealed values lie. order: its primary key; place: of a row, whose columns are those of the key and then account and value.

    within: the field of the JSON column `value` that is sealed, "" where all of it is.
    """

    name: str
    value: str
    order: tuple[str, ...]
    place: Callable[[Row], SecretPlace]
    account: str = "account_id"
    within: str = ""

    @property
    def sealed(self) -> str:
        """The sealed value, in a query."""
        return f"{self.value} ->> '{self.within}'" if self.within else self.value

    def changed(self, vendor: str) -> str:
        """The column with `:new` in it."""
        if not self.within:
            return ":new"
        if vendor == "postgresql":
            return f"jsonb_set({self.value}, '{{{self.within}}}', to_jsonb(CAST(:new AS text)))"
        return f"json_set({self.value}, '$.{self.within}', :new)"


_TABLES: Final = (
    _Table("secret", "value", ("account_id", "kind", "row_id", "field"), lambda row: SecretPlace(*row[:4])),
    _Table("oauth_access", "sealed", ("connection_id",), lambda row: oauth.place(row[1], row[0])),
    # Second factors, as allauth keeps them.
    *(_Table("mfa_authenticator", "data", ("id",), lambda _: SECOND_FACTOR, account="0", within=name) for name in ("secret", "seed")),
)


def renew(db: Database, vault: Vault, *, on_chunk: Callable[[int], object] = lambda _: None) -> int:
    """Seals everything with the newest key, in chunks; how many rows that were. Raises RotationError for what no key opens, at the end of its chunk."""
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
    """The same under a lock, in one transaction: afterwards the newest key opens all there is. Raises RotationError."""
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
    """Only a value that is still the one that was read is replaced: what was saved meanwhile has the newest key already."""
    done = 0
    for row in rows:
        *key, _, sealed = row
        try:
            renewed = vault.renewed(table.place(row), _bytes(sealed))
        except SecretError as error:
            raise RotationError(
                f"{error} The old key is kept. Delete what this secret belongs to, or save it again, and run this again."
            ) from None
        if renewed is None:
            continue
        condition = " AND ".join(f"{name} = :key_{n}" for n, name in enumerate(table.order))
        params: dict[str, object] = {f"key_{n}": value for n, value in enumerate(key)}
        params |= {"new": renewed.decode("ascii"), "old": sealed} if table.within else {"new": renewed, "old": bytes(sealed)}
        done += db.run(
            f"UPDATE {table.name} SET {table.value} = {table.changed(db.vendor)} WHERE {condition} AND {table.sealed} = :old", params
        )
    return done


def _bytes(sealed: object) -> bytes:
    return sealed.encode("ascii") if isinstance(sealed, str) else bytes(sealed)  # type: ignore[call-overload]
