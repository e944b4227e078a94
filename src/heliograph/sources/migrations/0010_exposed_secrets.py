"""Secrets by which a handshake signed whatever a stranger asked are marked, so that somebody replaces them (S2).

Releases before this one answered a handshake that is not signed with the HMAC of any text, also of one that is a call. Whoever asked then has a
signature that is still valid.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import structlog
from django.db import migrations

from heliograph.store.django_database import of_django
from heliograph.store.instant_field import MicrosField

log = structlog.get_logger(__name__)

CHUNK = 500
"""Sources that are read at a time."""


def signs_for_strangers(settings: Any) -> bool:
    """Whether a source with these settings answered anybody with an HMAC."""
    if not isinstance(settings, dict):
        return False
    handshake, verification = settings.get("handshake"), settings.get("verification")
    if not isinstance(handshake, dict) or not isinstance(verification, dict):
        return False
    is_proven = bool(handshake.get("signed")) and verification.get("proof") != "none"
    members = handshake.get("members")
    replies = [member.get("reply", "") for member in members if isinstance(member, dict)] if isinstance(members, list) else []
    return not is_proven and any(str(reply).startswith("hmac") for reply in replies)


def mark(apps: Any, schema_editor: Any) -> None:
    """Marks the secrets of all sources that answered anybody with an HMAC, and logs how many."""
    db, last, marked = of_django(schema_editor.connection), 0, 0
    statement = "SELECT id, settings FROM source WHERE id > :last AND deleted_at IS NULL ORDER BY id LIMIT :chunk"
    update = "UPDATE source_secret SET exposed_until = :now WHERE source_id = :source RETURNING id"
    while rows := db.all(statement, {"last": last, "chunk": CHUNK}):
        for last, settings in rows:  # noqa: B007 -- the next chunk begins after the last row
            try:
                is_exposed = signs_for_strangers(json.loads(settings or "{}"))
            except (ValueError, RecursionError):
                continue
            if is_exposed:
                marked += len(db.all(update, {"now": db.now(), "source": last}))
    if marked:
        log.warning("source_secrets_exposed", secrets=marked)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("sources", "0009_refused_rows")]
    operations: ClassVar = [
        migrations.AddField("SourceSecret", "exposed_until", MicrosField(null=True, blank=True)),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
