"""Tag coverage (P11): objects without a tag that a flow or mapping needs, with the tag of an object of the same name elsewhere.

The page lists:

    - the untagged objects of every kind that a flow decides or filters by, or a mapping reads
    - the status New, if it has no tag
    - all untagged custom statuses and properties, whatever the flows are
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from django.db import connection

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import PROPERTIES, STATUSES, Flow, Watch
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import FieldGroup, parse_source
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS
from heliograph.domain.setup.missing_tag import TaggedParts, untagged_thing
from heliograph.domain.setup.statuses import NEW
from heliograph.domain.setup.tag_kinds import Tag, TagKind
from heliograph.setup.models import AttendeeType, EventStatus, EventTag, Question, RegistrationProperty, RegistrationStatus, SessionStatus
from heliograph.setup.name_fields import folded
from heliograph.setup.services.events import set_event_tags
from heliograph.setup.services.object_tags import TABLES, add_tag
from heliograph.setup.services.setup_save import saving
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.store.config_cache import Committed
from heliograph.store.database import Database
from heliograph.store.django_database import of_django
from heliograph.store.models import Event
from heliograph.store.row_states import STUCK_RUN_UNTAGGED
from heliograph.web.list_count import ListCount

KINDS: Final = (
    TagKind.REGISTRATION_STATUS,
    TagKind.REGISTRATION_PROPERTY,
    TagKind.ATTENDEE_TYPE,
    TagKind.QUESTION,
    TagKind.SESSION_STATUS,
    TagKind.EVENT_STATUS,
    TagKind.EVENT,
)
_ALWAYS: Final = frozenset({TagKind.REGISTRATION_STATUS, TagKind.REGISTRATION_PROPERTY})
OF_ACCOUNT: Final = "account"
"""Stands in place of an event's code for the objects of the account."""
_COUNTED: Final = 10_000  # most items of the Retry Queue whose missing tag is looked up


@dataclass(frozen=True, slots=True)
class Gap:
    """An object without a tag."""

    kind: TagKind
    id: int
    name: str
    event: int | None
    """Id of its event; None for an object of the account."""
    where: str
    """Code of its event, or ""."""
    suggested: Tag | None
    others: int
    """The number of other events in which an object of this name has the suggested tag; 0 if only the tag's name matches."""
    waits: ListCount
    """The number of items in the Retry Queue that wait for its tag."""
    waits_in: frozenset[int] = frozenset()
    """The ids of the events in which they wait."""

    @property
    def key(self) -> str:
        """Its name in a form."""
        return f"{self.kind.value}:{self.id}"


@dataclass(frozen=True, slots=True)
class WatchedKinds:
    """Why a kind is checked: names of the flows that decide or filter by it, and of the mappings that read it."""

    flows: Sequence[str] = ()
    mappings: Sequence[str] = ()

    @property
    def is_watched(self) -> bool:
        """True if a flow or mapping uses the kind."""
        return bool(self.flows or self.mappings)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The untagged objects by kind, and what uses each kind. A kind without gaps is omitted."""

    gaps: Mapping[TagKind, Sequence[Gap]]
    watchers: Mapping[TagKind, WatchedKinds]

    @property
    def total(self) -> int:
        """The number of gaps."""
        return sum(len(gaps) for gaps in self.gaps.values())

    def matching(self, kind: TagKind | None, event: str) -> dict[TagKind, list[Gap]]:
        """The gaps of a kind and an event, by kind. Kinds without gaps are omitted.

        kind: None for every kind.
        event: an event's code; OF_ACCOUNT for the objects of the account; "" for both.
        """
        gaps_by_kind = {}
        for gap_kind, gaps in self.gaps.items():
            rows = [gap for gap in gaps if not event or gap.where == event or (event == OF_ACCOUNT and gap.event is None)]
            if rows and kind in (None, gap_kind):
                gaps_by_kind[gap_kind] = rows
        return gaps_by_kind


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of tagging in bulk."""

    tagged: int
    """The number of objects that got a tag."""
    left: Sequence[Gap]
    """The chosen objects that still have no tag."""


def coverage(db: Database, account: int) -> Coverage:
    """The objects without a tag now. The number of queries does not depend on their number."""
    config = Committed(db).account(account)
    watchers = {kind: watched(kind, config) for kind in KINDS}
    waits = _waiting(db, account)
    codes = dict(Event.objects.values_list("pk", "code"))
    gaps_by_kind = {}
    for kind in KINDS:
        rows = list(_objects(kind))
        suggest = _Suggesting(kind, rows, config.tags)
        gaps = [
            Gap(kind, row.id, row.name, row.event, codes.get(row.event or 0, ""), *suggest(row), *waits.for_object(kind, row.id))
            for row in rows
            if not row.tags and _is_shown(row, kind, watchers[kind])
        ]
        if gaps:
            gaps_by_kind[kind] = sorted(
                gaps, key=lambda gap: (-gap.waits.number, gap.suggested is None, natural_order(gap.where), natural_order(gap.name), gap.id)
            )
    return Coverage(gaps_by_kind, watchers)


def apply(account: int, keys: Iterable[str], tag: int | None, *, by: str, administers: bool) -> Applied:
    """Tags the chosen objects. Objects that cannot have the tag stay unchanged, and are returned.

    keys: the objects, by `Gap.key`.
    tag: the id of the tag for all of them; None for each object's suggested tag.
    administers: True for an Administrator, who may also tag objects of the account.
    """
    db = of_django(connection)
    known = {gap.key: gap for gaps in coverage(db, account).gaps.values() for gap in gaps}
    config = Committed(db).account(account)
    chosen = [known[key] for key in dict.fromkeys(keys) if key in known]
    todo: dict[tuple[TagKind, int], list[int]] = defaultdict(list)
    left = []
    for gap in chosen:
        new_tag = config.tags.get(tag) if tag is not None else gap.suggested
        fits = new_tag is not None and new_tag.id > 0 and gap.kind in new_tag.kinds and (gap.event is not None or administers)
        if new_tag is not None and fits:
            todo[gap.kind, new_tag.id].append(gap.id)
        else:
            left.append(gap)
    done = [gap for gap in chosen if gap not in left]
    try:
        _apply(account, todo, done, by=by)
    except (Invalid, NotThere):  # the tag or an object has been deleted since it was read
        return Applied(0, chosen)
    return Applied(len(done), left)


def apply_exactly(account: int, keys: Sequence[str], tag: int | None, *, by: str, administers: bool) -> Applied:
    """Like `apply`, for programs: every object must lack a tag now, and the account must have the tag.

    Raises Invalid, at the fields `tag` and `objects[n]`.
    """
    db = of_django(connection)
    known = {gap.key for gaps in coverage(db, account).gaps.values() for gap in gaps}
    problems: dict[str, list[str]] = {
        f"objects[{index}]": ["Nothing that needs a tag is this object now."] for index, key in enumerate(keys) if key not in known
    }
    if tag is not None and tag not in Committed(db).account(account).tags:
        problems["tag"] = [f"There is no tag {tag}."]
    if problems:
        raise Invalid(problems)
    return apply(account, keys, tag, by=by, administers=administers)


def _apply(account: int, todo: Mapping[tuple[TagKind, int], Sequence[int]], done: Sequence[Gap], *, by: str) -> None:
    events = {gap.event for gap in done if gap.event is not None}
    whole = any(gap.event is None for gap in done)
    if done:
        with saving(account, by=by, events=events, whole_account=whole) as transaction:
            for (kind, id), objects in todo.items():
                if kind is not TagKind.EVENT:
                    add_tag(transaction, kind, objects, id)
                    continue
                for event in objects:
                    set_event_tags(transaction, event, sorted({*transaction.provider.event(event).state.tags, id}))


# --- what uses tags


def watched(kind: TagKind, config: AccountConfig) -> WatchedKinds:
    """The flows and mappings that depend on the tags of a kind."""
    flows = [flow.name for flow in config.flows.values() if _decides(flow, kind)]
    mappings = []
    if kind is TagKind.QUESTION:
        mappings = [
            mapping.name
            for mapping in config.mappings.values()
            if any(parse_source(key).group is FieldGroup.QUESTION_TAGS for key in mapping.sources)
        ]
    return WatchedKinds(sorted(flows, key=natural_order), sorted(mappings, key=natural_order))


def _decides(flow: Flow, kind: TagKind) -> bool:
    """True if the flow decides or filters by tags of this kind."""
    match kind:
        case TagKind.REGISTRATION_STATUS:
            return flow.watch is Watch.STATUS or bool(flow.tags_of(STATUSES))
        case TagKind.REGISTRATION_PROPERTY:
            return any(tag > 0 for tag in flow.tags_of(PROPERTIES))
        case TagKind.SESSION_STATUS:
            return flow.watch is Watch.SESSION_STATUS
        case TagKind.EVENT_STATUS:
            return flow.watch is Watch.EVENT
        case TagKind.ATTENDEE_TYPE:
            return any(row.field == ATTENDEE_TYPE_TAGS for row in flow.filters)
        case TagKind.EVENT:
            return any(row.field == EVENT_TAGS for row in flow.filters)
        case TagKind.QUESTION:
            return any(row.field.startswith("answer.") for row in flow.filters)


def _is_shown(row: _Object, kind: TagKind, watchers: WatchedKinds) -> bool:
    if watchers.is_watched or (kind in _ALWAYS and row.event is not None):
        return True
    return kind is TagKind.REGISTRATION_STATUS and row.event is None and row.name == NEW


# --- the objects


@dataclass(frozen=True, slots=True)
class _Object:
    id: int
    name: str
    event: int | None
    tags: tuple[int, ...]


def _objects(kind: TagKind) -> Iterable[_Object]:
    """All objects of a kind with their tags, in two queries."""
    if kind is TagKind.QUESTION:
        return [_Object(q.pk, q.label, q.event_id, (q.tag_id,) if q.tag_id else ()) for q in Question.objects.all()]
    if kind is TagKind.EVENT:
        tagged = _grouped(EventTag.objects.values_list("event_id", "tag_id"))
        return [_Object(pk, name, pk, tagged.get(pk, ())) for pk, name in Event.objects.values_list("pk", "name")]
    _model, through, owner = TABLES[kind]
    tags = _grouped(through.objects.values_list(f"{owner}_id", "tag_id"))
    models: dict[TagKind, Any] = {
        TagKind.REGISTRATION_STATUS: RegistrationStatus,
        TagKind.REGISTRATION_PROPERTY: RegistrationProperty,
        TagKind.ATTENDEE_TYPE: AttendeeType,
        TagKind.SESSION_STATUS: SessionStatus,
        TagKind.EVENT_STATUS: EventStatus,
    }
    rows = models[kind].objects.all()
    return [_Object(row.pk, row.name, getattr(row, "event_id", None), tags.get(row.pk, ())) for row in rows]


def _grouped(pairs: Iterable[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    tags_by_object: dict[int, list[int]] = defaultdict(list)
    for id, tag in pairs:
        tags_by_object[id].append(tag)
    return {id: tuple(sorted(tags)) for id, tags in tags_by_object.items()}


class _Suggesting:
    """Suggests a tag for an object: the tag of most objects with its name, else the tag with its name."""

    def __init__(self, kind: TagKind, rows: Iterable[_Object], tags: Mapping[int, Tag]) -> None:
        self._tags = {id: tag for id, tag in tags.items() if id > 0 and kind in tag.kinds}
        self._elsewhere: dict[str, Counter[int]] = defaultdict(Counter)
        for row in rows:
            self._elsewhere[folded(row.name)].update(tag for tag in row.tags if tag in self._tags)
        self._called = {folded(text): tag for tag in self._tags.values() for text in (tag.label, tag.name)}

    def __call__(self, row: _Object) -> tuple[Tag | None, int]:
        name = folded(row.name)
        most_used = min(self._elsewhere[name].items(), key=lambda pair: (-pair[1], pair[0]), default=None)
        return (self._tags[most_used[0]], most_used[1]) if most_used else (self._called.get(name), 0)


# --- waiting items


@dataclass
class _Waiting:
    """The items in the Retry Queue that wait for a tag, by the untagged object."""

    numbers: Counter[tuple[TagKind, int]] = field(default_factory=Counter)
    events: dict[tuple[TagKind, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    is_more: bool = False
    """Whether not all were read."""

    def for_object(self, kind: TagKind, id: int) -> tuple[ListCount, frozenset[int]]:
        """How many wait for an object, and in which events."""
        number = self.numbers[kind, id]
        return ListCount(number, self.is_more and number > 0), frozenset(self.events.get((kind, id), ()))


def _waiting(db: Database, account: int) -> _Waiting:
    rows = db.all(
        f"SELECT j.event_id, x.after FROM (SELECT change_id, event_id FROM stuck_run WHERE account_id = :account AND {STUCK_RUN_UNTAGGED}"
        f" ORDER BY id LIMIT {_COUNTED}) j JOIN change c ON c.id = j.change_id JOIN change_content x ON x.change_id = c.id AND x.at = c.at",
        {"account": account},
    )
    waiting = _Waiting(is_more=len(rows) == _COUNTED)
    config, events = Committed(db).account_and_events(account, {event for event, _after in rows})
    for event, after in rows:
        thing = untagged_thing(_AFTER.decode(after).parts, config, events[event]) if after and event in events else None
        if thing is not None:
            waiting.numbers[thing.kind, thing.id] += 1
            waiting.events[thing.kind, thing.id].add(event)
    return waiting


class _Part(msgspec.Struct):
    status: int | None = None
    properties: list[int] = []


class _After(msgspec.Struct):
    """The taggable parts of a change's state; the rest, which may be large, is not decoded."""

    registration: _Part | None = None
    session: _Part | None = None
    event: _Part | None = None

    @property
    def parts(self) -> TaggedParts:
        registration = self.registration or _Part()
        return TaggedParts(
            self.event.status if self.event else None,
            self.session.status if self.session else None,
            registration.status,
            registration.properties,
        )


_AFTER: Final = msgspec.json.Decoder(_After)
