"""Names of a file that stand for others: the typing errors that a person has corrected in the dry run (I4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from heliograph.domain.setup.name_index import code_of
from heliograph.registrations.imports.missing_setup import EVENTS, OPTIONS, PROPERTIES, SESSIONS, STATUSES, TYPES, Lack

type Place = tuple[str, str, str, str]
"""Kind, event, question or custom field, and name with folded case."""


@dataclass(frozen=True, slots=True)
class NameCorrection:
    """A name of the file, and the one that is used in its place."""

    kind: str
    """One of the kinds of missing_setup, except questions and fields: those are columns, whose target is chosen."""
    event: str
    """The code of its event; "" for events, and for options of custom profile fields."""
    name: str
    use: str
    parent: str = ""
    """The question or custom field of an option."""

    @classmethod
    def of_lack(cls, lack: Lack) -> Self | None:
        """The correction of a likely typing error; None if no name is like it."""
        if not lack.meant:
            return None
        if lack.kind == EVENTS:
            return cls(EVENTS, "", lack.event, lack.meant)
        return cls(lack.kind, lack.event, lack.name, lack.meant, lack.parent)

    def as_json(self) -> dict[str, str]:
        """For a job's parameters."""
        return asdict(self)


class NameCorrections:
    """Corrections, applied to documents one by one."""

    def __init__(self, corrections: Iterable[NameCorrection]) -> None:
        self._uses: Mapping[Place, str] = {_place(x.kind, x.event, x.parent, x.name): x.use for x in corrections}

    def apply(self, document: dict[str, Any]) -> None:
        """Replaces the names in a registration document (I2). What is not a name stays as it is; validation refuses it later."""
        if not self._uses:
            return
        event = document.get("event")
        if isinstance(event, str):
            document["event"] = event = self._use(EVENTS, "", "", event)
        code = code_of(event) if isinstance(event, str) else ""
        for kind, field in ((STATUSES, "status"), (TYPES, "attendee_type")):
            if isinstance(document.get(field), str):
                document[field] = self._use(kind, code, "", document[field])
        sessions = document.get("sessions")
        for entry in sessions if isinstance(sessions, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("code"), str):
                entry["code"] = self._use(SESSIONS, code, "", entry["code"])
        if isinstance(properties := document.get("properties"), Mapping):
            # A property that is there under its right name, too, keeps the value that it has there.
            corrected = {self._use(PROPERTIES, code, "", str(name)): value for name, value in properties.items()}
            document["properties"] = corrected | {name: value for name, value in properties.items() if name in corrected}
        if isinstance(answers := document.get("answers"), Mapping):
            document["answers"] = {question: self._answer(code, str(question), value) for question, value in answers.items()}
        profile = document.get("profile")
        if isinstance(profile, dict) and isinstance(custom := profile.get("custom"), Mapping):
            profile["custom"] = {field: self._answer("", str(field), value) for field, value in custom.items()}

    def _answer(self, event: str, parent: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._answer(event, parent, each) for each in value]
        return self._use(OPTIONS, event, code_of(parent), value) if isinstance(value, str) else value

    def _use(self, kind: str, event: str, parent: str, name: str) -> str:
        return self._uses.get(_place(kind, event, parent, name), name)


def _place(kind: str, event: str, parent: str, name: str) -> Place:
    return kind, event, parent, code_of(name).casefold()
