"""The bodies of versions of the set-up, as `domain.snapshot` reads them (F10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from heliograph.accounts.models import Account
from heliograph.setup.models import (
    AttendeeType,
    AttendeeTypeTag,
    CustomField,
    EventStatus,
    EventStatusTag,
    Question,
    RegistrationProperty,
    RegistrationPropertyTag,
    RegistrationStatus,
    RegistrationStatusTag,
    Session,
    SessionStatus,
    SessionStatusTag,
    Tag,
)

type Bodies = dict[tuple[str, int], Mapping[str, object] | None]


def account_bodies(account: int) -> Bodies:
    """The account's current set-up except flows, mappings and connections. Kinds that exist once have the account's own id."""
    row = Account.objects.get(pk=account)
    statuses = RegistrationStatus.objects.filter(event=None)
    return {
        ("account", account): {
            "code": row.code,
            "name": row.name,
            "timezone": row.timezone,
            "signal_enabled": row.signal_enabled,
            "retry": row.retry_intervals,
            **({"networks": row.allowed_networks} if row.allowed_networks else {}),
        },
        ("tags", account): {
            "tags": [{"id": t.pk, "name": t.name, "label": t.label, "kinds": sorted(t.kinds)} for t in Tag.objects.order_by("pk")]
        },
        ("statuses", account): {
            "registration": _statuses(statuses, _tags(RegistrationStatusTag, "status", status__event=None)),
            "session": _statuses(SessionStatus.objects.all(), _tags(SessionStatusTag, "status")),
            "event": _statuses(EventStatus.objects.all(), _tags(EventStatusTag, "status")),
        },
        ("fields", account): {kind: [answerable_body(f) for f in CustomField.objects.filter(kind=kind)] for kind in ("profile", "event")},
    }


def setup_body(event: int) -> dict[str, object]:
    """The set-up of the event."""
    return {
        "statuses": _statuses(RegistrationStatus.objects.filter(event=event), _tags(RegistrationStatusTag, "status", status__event=event)),
        "types": _statuses(AttendeeType.objects.filter(event=event), _tags(AttendeeTypeTag, "type", type__event=event)),
        "questions": [answerable_body(q) | {"tag": q.tag_id} for q in Question.objects.filter(event=event)],
        "properties": _statuses(
            RegistrationProperty.objects.filter(event=event), _tags(RegistrationPropertyTag, "property", property__event=event)
        ),
        "sessions": [
            {"id": session.pk, "code": session.code, "name": session.name, "start": _instant(session.start), "end": _instant(session.end)}
            for session in Session.objects.filter(event=event)
        ],
    }


def _tags(through: Any, owner: str, **where: Any) -> dict[int, list[int]]:
    tags_by_object: dict[int, list[int]] = defaultdict(list)
    for id, tag in through.objects.filter(**where).order_by("tag_id").values_list(f"{owner}_id", "tag_id"):
        tags_by_object[id].append(tag)
    return tags_by_object


def _statuses(rows: Iterable[Any], tags: Mapping[int, list[int]]) -> list[dict[str, object]]:
    """Rows with code, name and tags; for registration statuses also the class."""
    return [
        {"id": row.pk, "code": row.code, "name": row.name, "tags": tags.get(row.pk, [])}
        | ({"class": row.cls} if hasattr(row, "cls") else {})
        for row in rows
    ]


def answerable_body(row: Question | CustomField) -> dict[str, object]:
    """A question or custom field."""
    return {"id": row.pk, "code": row.code, "label": row.label, "type": row.type, "options": list(row.options)}


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
