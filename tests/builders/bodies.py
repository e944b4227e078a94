"""Bodies of configuration, as they are stored: for tests of what reads them, without the services that write them."""

from __future__ import annotations

from collections.abc import Mapping


def connection(name: str, origin: str, **more: object) -> dict[str, object]:
    """A connection without authentication. Its path is a secret."""
    return {
        "name": name,
        "auth": "Open / No Auth",
        "origin": origin,
        "secrets": ["path"],
        "content_type": "application/json",
        "method": "POST",
        **more,
    }


def mapping(
    name: str, rows: Mapping[str, str], *, subject: str = "registration", required: bool = False, **more: object
) -> dict[str, object]:
    """A mapping for payloads. rows: target -> source."""
    made = [{"target": target, "required": required, "parts": [{"source": source}]} for target, source in rows.items()]
    return {"name": name, "kind": "payload", "subject": subject, "rows": made, **more}
