"""Statements of the doors on sources and the calls that come in to them (docs/design/sources.md, section 5).

Nothing here writes the source's own row in the transaction of a call: whoever records calls holds that row's lock, and a sender waits for its
answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from heliograph.domain.source.handshake import Handshake
from heliograph.domain.source.inbound_request import SourceSecret
from heliograph.domain.source.verification import Verification, VerificationError
from heliograph.store.database import Database
from heliograph.store.secrets import SecretError, Vault, load_secrets

SECRETS: Final = "source"
"""The kind of sources' secrets in the vault; their field is the id of the row in `source_secret`."""
HOUR: Final = 3_600_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class DoorSource:
    """What a door needs of a source that is called. It contains secrets: never log or store it."""

    id: int
    account: int
    verification: Verification | None
    """None: none was chosen, or it cannot be read. Then nothing is taken."""
    handshake: Handshake | None = None
    secrets: tuple[SourceSecret, ...] = field(default=(), repr=False)
    """Newest first, those that have ended, too."""


@dataclass(frozen=True, slots=True)
class InboundCall:
    """A call that was taken, and is to be stored."""

    account: int
    source: int
    sender_id: str
    headers: str
    """JSON, without credentials."""
    body: bytes = field(repr=False)
    """Compressed."""
    secret: int | None = None
    """The secret that fitted."""


@dataclass(frozen=True, slots=True, order=True)
class RefusalKey:
    """What refusals are counted by."""

    source: int
    hour: int
    """Its beginning, in microseconds."""
    reason: str
    account: int = 0


def find_source(db: Database, vault: Vault, path: str) -> DoorSource | None:
    """The source with this path; None if there is none."""
    rows = db.all("SELECT id, account_id, settings FROM source WHERE path = :path AND path <> '' AND deleted_at IS NULL", {"path": path})
    for id, account, settings in rows:
        verification, handshake = _read_settings(settings)
        return DoorSource(id, account, verification, handshake, _secrets(db, vault, account, id))
    return None


def _read_settings(text: str) -> tuple[Verification | None, Handshake | None]:
    """What cannot be read is None, so that nothing is taken: it may be of a newer release."""
    try:
        settings = json.loads(text)
        verification = Verification.from_body(settings["verification"])
        return verification, Handshake.from_body(settings["handshake"]) if settings.get("handshake") else None
    except (ValueError, KeyError, TypeError, AttributeError, VerificationError):
        return None, None


def _secrets(db: Database, vault: Vault, account: int, source: int) -> tuple[SourceSecret, ...]:
    rows = db.all("SELECT id, ends FROM source_secret WHERE source_id = :source ORDER BY id DESC", {"source": source})
    try:
        texts = load_secrets(db, vault, account, SECRETS, [source]).get(source, {}) if rows else {}
    except SecretError:
        return ()
    return tuple(SourceSecret(id, texts.get(str(id), ""), ends) for id, ends in rows)


def insert_calls(db: Database, calls: Sequence[InboundCall]) -> None:
    """Stores calls in the caller's transaction. A call whose sender repeats its identifier is not stored a second time."""
    now = db.now()
    db.many(
        "INSERT INTO source_call (account_id, source_id, at, kind, sender_id, state, headers, body, documents, changed, refused, problem,"
        " source_version) VALUES (:account, :source, :now, 0, :sender_id, 0, :headers, :body, 0, 0, 0, '', 0) ON CONFLICT DO NOTHING",
        [
            {
                "account": call.account,
                "source": call.source,
                "now": now,
                "sender_id": call.sender_id,
                "headers": call.headers,
                "body": call.body,
            }
            for call in calls
        ],
    )


def add_refusals(
    db: Database, counts: Mapping[RefusalKey, int], first_at: Mapping[RefusalKey, int], last_at: Mapping[RefusalKey, int]
) -> None:
    """Adds refused calls to the counts of their hours, in the caller's transaction.

    first_at, last_at: microseconds, of the first and the last one that is added
    """
    for key in sorted(counts):
        db.run(
            "INSERT INTO source_refusal (account_id, source_id, hour, reason, count, first_at, last_at)"
            " VALUES (:account, :source, :hour, :reason, :count, :first_at, :last_at)"
            " ON CONFLICT (source_id, hour, reason) DO UPDATE SET count = source_refusal.count + excluded.count, last_at = excluded.last_at",
            {
                "account": key.account,
                "source": key.source,
                "hour": key.hour,
                "reason": key.reason,
                "count": counts[key],
                "first_at": first_at[key],
                "last_at": last_at[key],
            },
        )


def note_calls(db: Database, sources: Iterable[int], secrets: Iterable[int]) -> None:
    """Notes that these sources were called and these secrets used, in the caller's transaction. It may wait for whoever records calls."""
    now = db.now()
    for source in sorted(sources):
        db.run(
            "UPDATE source SET last_call_at = :now WHERE id = :source AND (last_call_at IS NULL OR last_call_at < :now)",
            {"source": source, "now": now},
        )
    for secret in sorted(secrets):
        db.run("UPDATE source_secret SET used = :now WHERE id = :secret AND (used IS NULL OR used < :now)", {"secret": secret, "now": now})
