"""The lines of the page Configuration File: what changes, with both sides in words (B5)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from heliograph.accounts.actors import Actors
from heliograph.accounts.models import Account
from heliograph.api.configuration.configuration_words import KINDS, place, sides
from heliograph.api.configuration.event_sections import EVENT_SETUP
from heliograph.api.configuration.planned_changes import ChangeKind, PlannedChange
from heliograph.domain.flow.sentence import SentencePart
from heliograph.domain.setup.document_changes import MemberChange
from heliograph.web.templatetags.moments import ago

_PAGE_OF_THING: Final = {
    "tags": "tag",
    "profile_fields": "profile-data-edit",
    "event_fields": "event-data-edit",
    "connections": "connection",
    "mappings": "mapping",
    "flows": "flow",
}
"""The pages of single things, by section: their addresses take the id."""
_PAGE_OF_SECTION: Final = {
    "account": "account-settings",
    "registration_statuses": "registration-statuses",
    "session_statuses": "session-registration-statuses",
    "event_statuses": "event-statuses",
    "retry_intervals": "retry-intervals",
    "retention": "retention",
    "notifications": "notification-everything",
    "connection_notifications": "notification-rules",
    "flow_notifications": "notification-rules",
}
_PAGE_OF_EVENT: Final = {
    "registration_statuses": "custom-statuses",
    "attendee_types": "attendee-types",
    "properties": "configure",
    "questions": "questions",
    "sessions": "sessions",
}
SECTION_WORDS: Final = {
    "account": gettext_noop("account"),
    "tags": gettext_noop("tags"),
    "profile_fields": gettext_noop("profile fields"),
    "event_fields": gettext_noop("event fields"),
    "registration_statuses": gettext_noop("registration statuses"),
    "session_statuses": gettext_noop("session statuses"),
    "event_statuses": gettext_noop("event statuses"),
    "events": gettext_noop("events"),
    "retry_intervals": gettext_noop("retry intervals"),
    "retention": gettext_noop("retention"),
    "connections": gettext_noop("connections"),
    "mappings": gettext_noop("mappings"),
    "sources": gettext_noop("sources"),
    "flows": gettext_noop("flows"),
    "notifications": gettext_noop("notifications"),
    "connection_notifications": gettext_noop("connection notifications"),
    "flow_notifications": gettext_noop("flow notifications"),
}
"""The sections at the top of a file in words. An applied file may have one that this release does not know any more."""
_EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One change on the page. Its sides are the sentences of a flow, or rows: (member, before, after)."""

    section: str
    id: int
    verb: str
    kind: str
    """Its kind in words; "" where the name says it."""
    name: str
    href: str
    """The page of the thing; "" if it does not exist."""
    sub: str = ""
    before: Sequence[SentencePart] = ()
    after: Sequence[SentencePart] = ()
    rows: Sequence[tuple[str, str, str]] = ()
    widens: bool = False
    stops: bool = False
    is_allowed: bool = False
    """Whether the box that allows it is checked."""
    is_added: bool = False
    is_deleted: bool = False
    yaml: str = ""
    """Its entry for the file."""

    @property
    def has_sentences(self) -> bool:
        """Whether the sentences say what changes."""
        return bool(self.before or self.after) and list(self.before) != list(self.after)

    @property
    def key(self) -> str:
        """Names it on the page."""
        return f"{self.section.replace('.', '-')}-{self.id}"


def plan_lines(account: Account, changes: Sequence[PlannedChange], allowed: Collection[int]) -> list[ChangeLine]:
    """The lines of a plan. allowed: the ids of the flows whose boxes are checked"""
    actors, events = _actors(account, changes), _events_of(changes)
    lines = []
    for change in changes:
        sub = _("Reverts changes made by hand: %(who)s") % {"who": _who(change, actors)} if change.drift else ""
        href = "" if change.kind is ChangeKind.ADD else _href(change, events)
        lines.append(_line(change, href, sub=sub, is_allowed=change.id in allowed))
    return lines


def drift_lines(account: Account, changes: Sequence[PlannedChange], yaml: Mapping[tuple[str, int], str]) -> list[ChangeLine]:
    """The lines of what was changed by hand. yaml: the entries for the file, by section and id"""
    actors, events = _actors(account, changes), _events_of(changes)
    lines = []
    for change in changes:
        href = "" if change.kind is ChangeKind.DELETE else _href(change, events)
        lines.append(_line(change, href, sub=_who(change, actors), yaml=yaml.get((change.section, change.id), "")))
    return lines


def section_words(names: Iterable[str]) -> str:
    """The names of sections in words, with commas between them."""
    return ", ".join(_(SECTION_WORDS[name]) if name in SECTION_WORDS else name for name in names)


def _line(change: PlannedChange, href: str, **more: Any) -> ChangeLine:
    is_named = bool(change.name) or change.section == "flows"
    return ChangeLine(
        change.section,
        change.id,
        _(KINDS[change.kind]),
        _(change.label) if is_named else "",
        (change.name or _("without a name")) if is_named else _(change.label),
        href,
        before=change.rules[0],
        after=change.rules[1],
        rows=[row for member in change.members for row in _rows(change.section, member)],
        widens=change.widens,
        stops=change.stops,
        is_added=change.kind is ChangeKind.ADD,
        is_deleted=change.kind is ChangeKind.DELETE,
        **more,
    )


def _actors(account: Account, changes: Iterable[PlannedChange]) -> Actors:
    return Actors.from_stored(account, [change.drift.by for change in changes if change.drift])


def _who(change: PlannedChange, actors: Actors) -> str:
    if change.drift is None or not change.drift.by:
        return _("Nobody knows who")
    return f"{actors.name(change.drift.by)}, {ago(change.drift.at)}"


def _rows(section: str, member: MemberChange) -> Iterator[tuple[str, str, str]]:
    if section == "retry_intervals":
        for number, (before, after) in enumerate(zip_longest(member.before or (), member.after or ()), 1):
            if before != after:
                label = _("%(kind)s, retry %(number)s") % {"kind": _(place(member)), "number": number}
                yield label, _minutes(before), _minutes(after)
        return
    before, after = sides(member)
    is_secret = member.path == ("edition",)
    yield (
        place(member),
        "" if member.before in _EMPTY and not is_secret else before,
        "" if member.after in _EMPTY and not is_secret else after,
    )


def _minutes(number: float | None) -> str:
    return "" if number is None else _("%(minutes)s min") % {"minutes": f"{number:.4g}"}


def _events_of(changes: Sequence[PlannedChange]) -> dict[tuple[str, int], str]:
    """The codes of the events to whose set-up changed things belong, by section and id."""
    codes: dict[tuple[str, int], str] = {}
    for section in EVENT_SETUP:
        name = f"events.{section.name}"
        ids = [change.id for change in changes if change.section == name]
        if ids:
            codes |= {(name, id): code for id, code in section.model.objects.filter(pk__in=ids).values_list("pk", "event__code")}
    return codes


def _href(change: PlannedChange, events: Mapping[tuple[str, int], str]) -> str:
    """The page of a thing that exists; "" for any other."""
    section, _dot, of_event = change.section.partition(".")
    if section in _PAGE_OF_SECTION and not of_event:
        return reverse(_PAGE_OF_SECTION[section])
    if of_event:
        code = events.get((change.section, change.id))
        return reverse(_PAGE_OF_EVENT[of_event], args=(code,)) if code else ""
    return (
        reverse(_PAGE_OF_THING[section], args=(change.id,)) if section in _PAGE_OF_THING else reverse("event-details", args=(change.name,))
    )


def configuration_crumbs() -> list[tuple[str, str]]:
    """The page above those of a configuration file."""
    return [(_("Configuration File"), reverse("configuration"))]
