"""Stores a source and its calls in plain SQL, beside a `StoredAccount`."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from heliograph.domain.source.call_mapping import CallMapping
from heliograph.domain.source.source_states import CallState, SourceState
from heliograph.store.stored_calls import pack_body
from tests.builders.stored_account import StoredAccount

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source of an account."""

    setup: StoredAccount
    id: int

    def call(self, value: object, *, raw: bytes | None = None, at: int | None = None) -> int:
        """Stores a call with this JSON, or these bytes. Returns its id."""
        db = self.setup.db
        body = raw if raw is not None else json.dumps(value).encode()
        with db.transaction():
            ((id,),) = db.all(
                "INSERT INTO source_call (account_id, source_id, at, body) VALUES (:account, :source, :at, :body) RETURNING id",
                {"account": self.setup.account, "source": self.id, "at": db.now() if at is None else at, "body": pack_body(body)},
            )
        return int(id)

    def save(self, **columns: Any) -> None:
        """Changes columns of the source, as a saved page does."""
        with self.setup.db.transaction():
            assignments = ", ".join(f"{name} = :{name}" for name in columns)
            self.setup.db.run(f"UPDATE source SET {assignments}, version = version + 1 WHERE id = :id", {"id": self.id, **columns})

    def map(self, mapping: CallMapping) -> None:
        self.save(mapping=json.dumps(mapping.to_body()))

    def calls(self, columns: str = "state, documents, changed, refused") -> list[Sequence[Any]]:
        """The calls in their order, with the state as CallState."""
        rows = self.setup.db.all(f"SELECT {columns} FROM source_call WHERE source_id = :id ORDER BY id", {"id": self.id})
        return [(CallState(row[0]), *row[1:]) for row in rows]


def stored_source(setup: StoredAccount, mapping: CallMapping, standing: SourceState = SourceState.ON) -> StoredSource:
    """A source that is switched on."""
    db, number = setup.db, next(_numbers)
    with db.transaction():
        db.run(
            "INSERT INTO accounts_account (id, code, name, timezone, signal_enabled, created) VALUES (:id, :code, 'Acme', 'UTC', :yes, :now)"
            " ON CONFLICT DO NOTHING",
            {"id": setup.account, "code": f"ACME{setup.account}", "yes": True, "now": db.django_time(datetime(2026, 3, 1, tzinfo=UTC))},
        )
        ((id,),) = db.all(
            "INSERT INTO source (account_id, name, folded_name, platform, state, mapping, created, created_by, changed)"
            " VALUES (:account, :name, :folded, 'webhook', :state, :mapping, :now, 'test', :now) RETURNING id",
            {
                "account": setup.account,
                "name": f"shop {number}",
                "folded": f"shop {number}",
                "state": standing.value,
                "mapping": json.dumps(mapping.to_body()),
                "now": db.now(),
            },
        )
    return StoredSource(setup, int(id))
