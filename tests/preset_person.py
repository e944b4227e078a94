"""The registration behind the presets' samples, with characters that each target must escape in its own way."""

from __future__ import annotations

from heliograph.domain.setup.fields import Value

PERSON: dict[str, Value] = {
    "profile.first_name": "Zoë",
    "profile.last_name": "Lindqvist",
    "profile.email": "zoe@example.org",
    "profile.organization": "Oakline & Sons",
    "profile.position": "Head of Events",
    "profile.phone": "+43 1 234567",
    "profile.country": "Austria",
    "registration.code": "S26-000123",
    "registration.status": "Attended",
    "event.code": "SUMMIT-26",
    "event.name": "Summit <2026>",
    "macro.registrant": "Zoë Lindqvist",
    "macro.change_id": "4711",
    "macro.change_type": "status_changed",
}


class Person:
    """The facts of that registration, with optional changes."""

    def __init__(self, **other: Value) -> None:
        self.values = {**PERSON, **{name.replace("__", "."): value for name, value in other.items()}}

    def value(self, source: str) -> Value:
        return self.values.get(source)
