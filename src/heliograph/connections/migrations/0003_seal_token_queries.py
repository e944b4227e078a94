"""Queries of the URLs of OAuth2 become sealed secrets (C5).

An older release stored them as plain text: in the row of a connection, in its versions and in the audit. Now

- the query of a connection is the sealed secret of its field, and its deliveries go on;
- the row, all versions and all audit entries have "?…" instead;
- the bond, which is made of these URLs, is replaced if it was valid, so that nobody has to connect again.

Each chunk is one transaction. A body that has been sealed has no plain query, so a run that was killed can be continued.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any, ClassVar

import structlog
from django.db import migrations, transaction

from heliograph.store.configuration_versions import lock_exclusive
from heliograph.store.django_database import of_django
from heliograph.store.secrets import SecretPlace, check_key, save_secret

log = structlog.get_logger(__name__)

CHUNK = 500
"""Rows in one transaction."""
SEALED = "…"
FIELDS = {
    "authorization_url": "authorization_query",
    "access_token_url": "access_token_query",
    "refresh_token_url": "refresh_token_query",
}
"""The field of each URL, and that of the secret of its query, as they were when this was written."""


def bond_of(body: dict[str, Any]) -> str:
    """The bond of a body, as `Connection.bond` made it when this was written."""
    places = sorted({body.get("origin", ""), body.get("test_origin", "")} - {""})
    names = ("client_id", *FIELDS, "scope")
    facts = [body.get("grant", "Client Credentials"), *(body.get(name, "") for name in names), places]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def without_queries(body: Any) -> tuple[Any, dict[str, str]]:
    """A copy of a body or of a part of one, with "?…" for each plain query; and the queries, by the fields of their secrets."""
    if not isinstance(body, dict):
        return body, {}
    sealed, queries = dict(body), {}
    for name, secret in FIELDS.items():
        url, mark, query = str(body.get(name) or "").partition("?")
        if mark and query != SEALED:
            sealed[name] = f"{url}?{SEALED}" if query else url
            queries[secret] = f"?{query}" if query else ""
    return sealed, queries


def as_stored_now(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """`without_queries` of a whole body, with the names of its new secrets and the bond of its new URLs."""
    sealed, queries = without_queries(body)
    if names := {secret for secret, query in queries.items() if query}:
        sealed["secrets"] = sorted({*body.get("secrets", []), *names})
    if queries and body.get("connected") == bond_of(body):
        sealed["connected"] = bond_of(sealed)
    return sealed, queries


def loaded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def seal_queries(apps: Any, schema_editor: Any) -> None:
    """Seals the queries of all connections, and logs how many connections of each account had one. Raises OptionsError, UnknownKey."""
    from heliograph.accounts.vault import vault  # noqa: PLC0415

    connection = schema_editor.connection
    with transaction.atomic(using=connection.alias):
        db = of_django(connection)
        if not db.all("SELECT 1 FROM connection WHERE deleted_at IS NULL LIMIT 1"):
            keys = None
        else:
            keys = vault()  # without the key nothing is changed
            check_key(db, keys)
    sealed_connections = _seal_connections(connection, keys)
    _rewrite_versions(connection)
    _rewrite_audit(connection)
    for account, count in sorted(sealed_connections.items()):
        log.info("token_queries_sealed", account=account, connections=count)


def _seal_connections(connection: Any, keys: Any) -> Counter[int]:
    """Seals the queries of the connections' newest bodies. Returns the number of connections that had one, by account."""
    after, counts = 0, Counter[int]()
    while True:
        with transaction.atomic(using=connection.alias):
            db = of_django(connection)
            chunk = db.all(
                "SELECT id, account_id FROM connection WHERE id > :after ORDER BY id LIMIT :most", {"after": after, "most": CHUNK}
            )
            if not chunk:
                return counts
            after = chunk[-1][0]
            lock_exclusive(db, accounts={account for _, account in chunk})
            rows = db.all(
                f"SELECT id, account_id, body, deleted_at IS NULL FROM connection WHERE {db.member('id', 'ids')} ORDER BY id",
                {"ids": [id for id, _ in chunk]},
            )
            for id, account, stored, exists in rows:
                body = loaded(stored)
                sealed, queries = as_stored_now(body)
                if not queries:
                    continue
                counts[account] += 1
                for secret, query in queries.items():
                    if query and exists:  # a deleted connection has no secrets any more
                        save_secret(db, keys, SecretPlace(account, "connection", id, secret), query)
                db.run(f"UPDATE connection SET body = {_json(db, 'body')} WHERE id = :id", {"body": json.dumps(sealed), "id": id})
                db.run(
                    "UPDATE oauth_access SET bond = :after WHERE connection_id = :id AND account_id = :account AND bond = :before",
                    {"after": bond_of(sealed), "before": bond_of(body), "id": id, "account": account},
                )


def _rewrite_versions(connection: Any) -> None:
    """Takes the queries away from all versions of connections."""
    after = 0
    while True:
        with transaction.atomic(using=connection.alias):
            db = of_django(connection)
            rows = db.all(
                "SELECT id, body FROM config_history WHERE kind = 'connection' AND id > :after ORDER BY id LIMIT :most",
                {"after": after, "most": CHUNK},
            )
            if not rows:
                return
            after = rows[-1][0]
            for id, stored in rows:
                sealed, queries = as_stored_now(json.loads(stored))
                if queries:
                    text = json.dumps(sealed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
                    db.run("UPDATE config_history SET body = :body WHERE id = :id", {"body": text, "id": id})


def _rewrite_audit(connection: Any) -> None:
    """Takes the queries away from all audit entries of connections."""
    after = 0
    while True:
        with transaction.atomic(using=connection.alias):
            db = of_django(connection)
            rows = db.all(
                "SELECT id, before, after FROM audit_entry WHERE kind = 'connection' AND id > :after ORDER BY id LIMIT :most",
                {"after": after, "most": CHUNK},
            )
            if not rows:
                return
            after = rows[-1][0]
            for id, *stored in rows:
                for column, value in zip(("before", "after"), stored, strict=True):
                    sealed, queries = without_queries(loaded(value))
                    if queries:
                        db.run(
                            f"UPDATE audit_entry SET {column} = {_json(db, 'value')} WHERE id = :id", {"value": json.dumps(sealed), "id": id}
                        )


def _json(db: Any, name: str) -> str:
    return f"CAST(:{name} AS jsonb)" if db.vendor == "postgresql" else f":{name}"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [
        ("connections", "0002_same_account"),
        ("accounts", "0005_digests_of_recovery_codes"),
        ("store", "0005_untagged_runs_wait"),
    ]
    operations: ClassVar = [migrations.RunPython(seal_queries, migrations.RunPython.noop, atomic=False)]
