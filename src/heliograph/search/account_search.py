"""The search for everything: each group of results by one text.

Registrations are searched as in `timeline.registration_search`, in a bounded part of their index. Everything else is set-up, which is
small: flows, connections, mappings and tags are read from the compiled configuration, the newest events and the sources by one query each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, LiteralString

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.models import User
from heliograph.accounts.roles import may
from heliograph.deliveries.account_reader import AccountReader
from heliograph.domain.flow.flow import Flow
from heliograph.domain.natural_order import natural_order
from heliograph.guide.chapters import readers_guide
from heliograph.guide.guide_search import find_headings
from heliograph.search.searched_pages import PAGES, SearchedPage
from heliograph.store.database import Row
from heliograph.store.registrations import folded
from heliograph.timeline.found_registrations import FoundRow, action_href, found_row
from heliograph.timeline.registration_search import RegistrationSearch, marked
from heliograph.web.cursor import ROWS

MOST_NAMED: Final = 2_000
"""Events whose code and name are searched, and sources: the newest."""
SCANNED: Final = 20_000
"""Registrations that one search reads at most where many have the words: it runs while somebody types."""
MOST_ROWS: Final = ROWS
"""Results of a group that the page shows."""
PALETTE_ROWS: Final = 3
"""Results of a group that the palette shows."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One result: its text in three parts, around the words that were found."""

    icon: str
    href: str
    before: str
    hit: str = ""
    after: str = ""
    sub: str = ""
    """The kind of thing, or what tells it from others of the same name."""
    tone: str = ""
    state: str = ""
    """What waits or has failed, in words; "" for nothing."""


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """The results of one kind."""

    name: str
    rows: Sequence[SearchResult]
    hidden: int = 0
    """How many are not in `rows`."""
    has_more: bool = False
    """True if there are more than are counted."""
    page: str = ""
    """The address of the page that has all of them; "" for the page of all results."""

    @property
    def count(self) -> int:
        """How many there are at least."""
        return len(self.rows) + self.hidden

    def shortened(self, most: int) -> ResultGroup:
        """The group with at most so many rows."""
        return replace(self, rows=self.rows[:most], hidden=self.hidden + max(len(self.rows) - most, 0))

    @property
    def more_text(self) -> str:
        """What stands for the rows that are not shown; "" for none."""
        if self.has_more:
            return _("More")
        return ngettext("%(n)d more", "%(n)d more", self.hidden) % {"n": self.hidden} if self.hidden else ""


@dataclass(frozen=True, slots=True)
class Named:
    """A thing that is found by its name."""

    name: str
    href: str
    icon: str
    sub: str = ""
    also: str = ""
    """Searched besides the name, such as a connection's host."""


@dataclass
class AccountSearch:
    """One search in one account, by what its user may open."""

    reader: AccountReader
    user: User
    text: str

    def __post_init__(self) -> None:
        self.people = RegistrationSearch(self.reader, self.text, SCANNED)
        self.text = self.people.text
        self.words = self.people.words

    def groups(self) -> list[ResultGroup]:
        """The groups that have results, registrations first."""
        if not self.words:
            return []
        groups = [self._registrations()]
        if self.has_signal:
            groups += [
                self._named(_("Flows"), self._flows()),
                self._named(_("Connections"), self._connections()),
                self._named(_("Mappings"), self._mappings()),
            ]
        groups += [self._named(_("Events"), self._events()), self._settings()]
        return [group for group in groups if group.rows]

    def only_href(self, groups: Sequence[ResultGroup]) -> str:
        """The address that opens at once: of the only result, or of the registration with exactly this code. "" for none."""
        results = [row for group in groups for row in group.rows]
        if len(results) == 1 and not any(group.hidden or group.has_more for group in groups):
            return results[0].href
        exact = [row for row in self._found_rows if folded(row["code"]) == folded(self.text)]
        return self._href(exact[0]) if len(exact) == 1 else ""

    @cached_property
    def has_signal(self) -> bool:
        """Whether Signal is on for the account."""
        return self.reader.config.signal_enabled

    @cached_property
    def _page(self) -> tuple[list[FoundRow], bool]:
        page = self.people.page(None)
        return [found_row(match) for match in page.rows], bool(page.older or page.further)

    @property
    def _found_rows(self) -> list[FoundRow]:
        return self._page[0]

    def _href(self, row: FoundRow) -> str:
        return row["href"] if self.has_signal else reverse("registration", args=(row["event"], row["code"]))

    def _registrations(self) -> ResultGroup:
        action = self.people.action() if self.has_signal else None
        if action is not None:
            sub = ", ".join(filter(None, (_("Delivery"), action.code)))
            return ResultGroup(_("People"), [SearchResult("send", action_href(action), "", self.text, "", sub)])
        rows, has_more = self._page
        return ResultGroup(_("People"), [self._registration(row) for row in rows], has_more=has_more)

    def _registration(self, row: FoundRow) -> SearchResult:
        parts = marked(row["who"], self.words[0]) or (row["who"], "", "")
        elsewhere = "" if parts[1] or not row["field"] else f"{row['before']}{row['hit']}{row['after']}"
        sub = ", ".join(dict.fromkeys(filter(None, (row["code"], row["event"], elsewhere))))
        is_open = self.has_signal and row["tone"] in ("failed", "wait")
        return SearchResult("user", self._href(row), *parts, sub, row["tone"] if is_open else "", row["state"] if is_open else "")

    def _flows(self) -> Iterator[Named]:
        for flow in self.reader.config.flows.values():
            yield Named(flow.name or _("Flow without a name"), reverse("flow", args=(flow.id,)), "flow", _flow_words(flow))

    def _connections(self) -> Iterator[Named]:
        for id, connection in self.reader.config.connections.items():
            yield Named(connection.name, reverse("connection", args=(id,)), "plug", _("Connection"))

    def _mappings(self) -> Iterator[Named]:
        for id, mapping in self.reader.config.mappings.items():
            yield Named(mapping.name, reverse("mapping", args=(id,)), "map", _("Mapping"))

    def _events(self) -> Iterator[Named]:
        for code, name in self._newest("SELECT code, name FROM event"):
            yield Named(name or code, reverse("event-details", args=(code,)), "calendar", code, code)

    def _settings(self) -> ResultGroup:
        """Sources, tags, pages and help."""
        sources = self._newest("SELECT id, name FROM source", "deleted_at IS NULL")
        named = [Named(name, reverse("source", args=(id,)), "list", _("Source")) for id, name in sources]
        named += [
            Named(tag.label or tag.name, reverse("tag", args=(id,)), "tag", _("Tag"), tag.name)
            for id, tag in self.reader.config.tags.items()
            if id > 0
        ]
        named += [Named(str(each.name), reverse(each.page), each.icon, _("Page")) for each in self.pages()]
        for hit in find_headings(readers_guide(), self.text):
            path = reverse("help-chapter", args=(hit.chapter.slug,))
            named.append(Named(hit.section.title, f"{path}#{hit.section.anchor}" if hit.section.anchor else path, "help", _("Help")))
        return self._named(_("Settings and help"), named)

    def _newest(self, select: LiteralString, condition: LiteralString = "TRUE") -> list[Row]:
        """The account's newest rows of a table that meet a condition, at most MOST_NAMED."""
        sql = f"{select} WHERE account_id = :account AND {condition} ORDER BY id DESC LIMIT :limit"
        return self.reader.db.all(sql, {"account": self.reader.account, "limit": MOST_NAMED})

    def pages(self) -> list[SearchedPage]:
        """The pages that the user may open."""
        return [each for each in PAGES if may(self.user, each.role) and (self.has_signal or not each.signal)]

    def _named(self, name: str, things: Iterable[Named]) -> ResultGroup:
        """The things that have every word, first those whose name begins with the text."""
        begins = folded(self.text)
        matching = [thing for thing in things if all(word in folded(f"{thing.name} {thing.also}") for word in self.words)]
        matching.sort(key=lambda thing: (not folded(thing.name).startswith(begins), natural_order(thing.name)))
        rows = [self._result(thing) for thing in matching[:MOST_ROWS]]
        return ResultGroup(name, rows, len(matching) - len(rows))

    def _result(self, thing: Named) -> SearchResult:
        parts = next(filter(None, (marked(thing.name, word) for word in self.words)), (thing.name, "", ""))
        return SearchResult(thing.icon, thing.href, *parts, thing.sub)


def _flow_words(flow: Flow) -> str:
    return ", ".join((_("Flow"), flow.mode.value, _("on") if flow.active else _("off")))
