"""Which of the missing set-up an import creates, and which names of the file stand for others (I4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heliograph.domain.setup.name_index import code_of
from heliograph.registrations.imports.missing_setup import EVENTS, FIELDS, OPTIONS, QUESTIONS, Lack
from heliograph.registrations.imports.name_corrections import NameCorrection


@dataclass(frozen=True, slots=True)
class SetupChoice:
    """Which missing things to create."""

    everything: bool = False
    """All except doubtful ones."""
    kinds: frozenset[str] = frozenset()
    """All of these kinds except doubtful ones."""
    names: frozenset[tuple[str, str]] = frozenset()
    """(kind, name) of things that are created even if they are doubtful; a kind of "" stands for any."""
    plan: tuple[Lack, ...] | None = None
    """Exactly these; the other fields are then ignored."""
    corrections: tuple[NameCorrection, ...] = ()
    """Names of the file that stand for others."""
    in_events: bool = False
    """Limits `everything` to what belongs to an event. The rest belongs to the account and needs an Administrator (P1)."""

    @property
    def is_empty(self) -> bool:
        """True if nothing was chosen."""
        return not (self.everything or self.kinds or self.names or self.plan)

    def select_lacks(self, lacks: Sequence[Lack]) -> list[Lack]:
        """The missing things to create. A thing is left out if its event, or the question or field of an option, neither exists nor is chosen."""
        if self.plan is not None:
            planned = {_key(lack): lack for lack in self.plan}
            chosen = [
                replace(lack, facts=planned[_key(lack)].facts, tags=planned[_key(lack)].tags) for lack in lacks if _key(lack) in planned
            ]
        else:
            chosen = [lack for lack in lacks if self._is_chosen(lack)]
        missing = {lack.event for lack in lacks if lack.kind == EVENTS} - {lack.event for lack in chosen if lack.kind == EVENTS}
        parents, chosen_parents = ({(x.event, x.name) for x in rows if x.kind in (QUESTIONS, FIELDS)} for rows in (lacks, chosen))
        missing_parents = parents - chosen_parents
        return [x for x in chosen if x.event not in missing and (x.kind != OPTIONS or (x.event, x.parent) not in missing_parents)]

    def _is_chosen(self, lack: Lack) -> bool:
        if any(kind in ("", lack.kind) and name in (lack.name, lack.event if lack.kind == EVENTS else None) for kind, name in self.names):
            return True
        return not lack.doubt and ((self.everything and bool(lack.event or not self.in_events)) or lack.kind in self.kinds)

    def as_json(self) -> dict[str, Any]:
        """For a job's parameters."""
        return {
            "everything": self.everything,
            "kinds": sorted(self.kinds),
            "names": sorted(map(list, self.names)),
            "plan": None if self.plan is None else [lack.as_json() for lack in self.plan],
            "corrections": [correction.as_json() for correction in self.corrections],
            "in_events": self.in_events,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SetupChoice:
        """Reads what `as_json` returned."""
        plan = stored.get("plan")
        return cls(
            bool(stored.get("everything")),
            frozenset(stored.get("kinds", ())),
            frozenset((k, n) for k, n in stored.get("names", ())),
            None if plan is None else tuple(Lack.from_json(lack) for lack in plan),
            tuple(NameCorrection(**correction) for correction in stored.get("corrections", ())),
            bool(stored.get("in_events")),
        )


def _key(lack: Lack) -> tuple[str, str, str, str]:
    return lack.kind, lack.event, lack.parent, code_of(lack.name)
