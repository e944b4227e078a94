"""What differs between an account before and afterwards, or then and now (B5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from heliograph.accounts.models import AuditEntry
from heliograph.api.configuration.account_names import AccountNames
from heliograph.api.configuration.configuration_file import SECTIONS, place_of
from heliograph.api.configuration.later_members import LaterMembers
from heliograph.api.configuration.retagged_things import RetaggedThing, retagged_things
from heliograph.api.configuration.section import Section, StoredEntry
from heliograph.domain.flow import sentence
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.completeness import missing
from heliograph.domain.flow.flow import Flow, Mode
from heliograph.domain.flow.sentence import SentenceNames, SentencePart
from heliograph.domain.setup.document_changes import MemberChange, member_changes
from heliograph.flows.services.rules import selects_more, takes_more
from heliograph.setup.models import AppliedFile
from heliograph.web.field_names import flow_parts

type Account = Mapping[str, Sequence[StoredEntry]]
"""What the account has, by `place_of` the section."""


class ChangeKind(StrEnum):
    """What happens to a thing."""

    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Drift:
    """A change by hand since the file was applied. by: the actor; "" if it is not known."""

    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a file changes of one thing."""

    section: str
    label: str
    """One thing of the section, in words."""
    id: int
    name: str
    kind: ChangeKind
    members: Sequence[MemberChange] = ()
    rules: tuple[Sequence[SentencePart], Sequence[SentencePart]] = ((), ())
    """Of a flow: the sentence of its rule before and afterwards; empty if it is not known."""
    widens: bool = False
    """A Live flow acts on more afterwards."""
    stops: bool = False
    """A running flow does not run afterwards."""
    drift: Drift | None = None
    """What was changed by hand since the last file, and is taken back."""

    @property
    def sentences(self) -> tuple[str, str]:
        """Of a flow: its rule before and afterwards, as text."""
        before, after = (sentence.plain(parts) if parts else "" for parts in self.rules)
        return before, after


def read_all(names: AccountNames) -> dict[str, list[StoredEntry]]:
    """What the account has."""
    return {place_of(section): section.stored(names) for section in SECTIONS}


def compared(stored: StoredEntry) -> dict[str, Any]:
    """The members of a thing that are compared: its document and its facts."""
    return {**stored.document, **stored.facts}


def state_of(stored: Sequence[StoredEntry]) -> list[list[Any]]:
    """The things as an applied file remembers them: id, key, name, and the members that are compared."""
    return [[each.id, list(each.key), each.name, compared(each)] for each in stored]


@dataclass(frozen=True, slots=True)
class FlowRules:
    """The flows before and afterwards."""

    before: AccountConfig
    after: AccountConfig

    def change(self, change: PlannedChange, retagged: Sequence[RetaggedThing]) -> PlannedChange:
        """The change of a flow, with its sentences, and whether it acts on more or stops."""
        before, after = self.before.flows.get(change.id), self.after.flows.get(change.id)
        rules = _rule(before, self.before), _rule(after, self.after)
        stops = _runs(before, self.before) and not _runs(after, self.after)
        return replace(change, rules=rules, widens=self.widens(change.id, retagged), stops=stops)

    def widens(self, id: int, retagged: Sequence[RetaggedThing]) -> bool:
        """Whether a Live flow acts on more than before, or a new one does once more what another one does: then everything is sent twice, as
        after a flow was renamed without `was`."""
        before, after = self.before.flows.get(id), self.after.flows.get(id)
        if after is None or after.mode is not Mode.LIVE:
            return False
        if before is None:
            others = (flow for flow in self.after.flows.values() if flow.id != id and _runs(flow, self.after))
            return _runs(after, self.after) and any(_without_names(flow) == _without_names(after) for flow in others)
        acts_on_more = takes_more(before, after) or any(selects_more(after, each.place, each.before, each.after) for each in retagged)
        return acts_on_more and _runs(after, self.after)


def _runs(flow: Flow | None, config: AccountConfig) -> bool:
    return flow is not None and flow.active and not missing(flow, config)


def _without_names(flow: Flow) -> Flow:
    """The flow without what it is called."""
    return replace(flow, id=0, number=0, name="", destinations=tuple(replace(each, id=0, name="") for each in flow.destinations))


def _rule(flow: Flow | None, config: AccountConfig) -> Sequence[SentencePart]:
    return () if flow is None else flow_parts(flow, SentenceNames.from_config(config))


def compared_accounts(before: Account, after: Account, rules: FlowRules) -> Iterator[PlannedChange]:
    """What differs, in the order of the file. A flow that is the same and acts on more, because something has other tags, is a change without
    members."""
    retagged = retagged_things(before, after)
    for section in SECTIONS:
        place = place_of(section)
        was, now = ({each.id: each for each in account[place]} for account in (before, after))
        for id in dict.fromkeys((*was, *now)):
            change = _change(section, was.get(id), now.get(id))
            if place != "flows":
                if change is not None:
                    yield change
            elif change is not None:
                yield rules.change(change, retagged)
            elif retagged and rules.widens(id, retagged):
                yield rules.change(PlannedChange(place, section.label, id, now[id].name, ChangeKind.CHANGE), retagged)


def _change(section: Section, was: StoredEntry | None, now: StoredEntry | None) -> PlannedChange | None:
    """The change of one thing; None if there is none."""
    stored = now or was
    assert stored is not None
    kind = ChangeKind.ADD if was is None else ChangeKind.DELETE if now is None else ChangeKind.CHANGE
    members = tuple(member_changes(compared(was) if was else {}, compared(now) if now else {}))
    if kind is ChangeKind.CHANGE and not members:
        return None
    return PlannedChange(place_of(section), section.label, stored.id, stored.name, kind, members)


def drifted(applied: AppliedFile, now: Account, names: AccountNames) -> list[PlannedChange]:
    """What differs from what the file left, in the sections that it manages. A member that a later release has added is no difference."""
    if applied.state is None:
        return []
    changes, later = [], LaterMembers(applied, names)
    for section in SECTIONS:
        place = place_of(section)
        if place not in applied.state:
            continue
        then = [StoredEntry(id, tuple(key), name, document) for id, key, name, document in applied.state[place]]
        for was, is_now in _pairs(then, now[place]):
            before = replace(was, document=later.completed(place, was, is_now)) if was and is_now else was
            change = _change(section, before, is_now)
            if change is not None:
                changes.append(replace(change, drift=_who(section, change.id)))
    return changes


def _pairs(then: Sequence[StoredEntry], now: Sequence[StoredEntry]) -> Iterator[tuple[StoredEntry | None, StoredEntry | None]]:
    """Each thing then and now. One that was deleted and created again has another id, and is known by its key."""
    by_id = {each.id: each for each in now}
    known = {each.id for each in then}
    by_key = {each.key: each for each in now if each.id not in known}
    paired = set()
    for was in then:
        is_now = by_id.get(was.id) or by_key.get(was.key)
        paired.add(is_now.id if is_now else None)
        yield was, is_now
    for is_now in now:
        if is_now.id not in paired:
            yield None, is_now


def _who(section: Section, id: int) -> Drift:
    """Who changed a thing last, by the audit."""
    entry = AuditEntry.objects.filter(kind=section.audited, object_id=id).order_by("-id").first()
    return Drift() if entry is None else Drift(entry.by, entry.at)
