"""What a person, or an account, wants to be told, and where (B4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from heliograph.domain.errors import HeliographError
from heliograph.domain.notification.kinds import OF_THINGS, Kind
from heliograph.domain.notification.quiet_hours import DAY_MINUTES, NEVER_QUIET, QuietHours

MAIL: Final = "mail"
"""The way to a person's own address."""
WAITS_MINUTES: Final = (15, 30, 60, 240)
"""The choices of how long something may wait."""
SUMMARY_MINUTES: Final = (420, 480, 540)
"""The choices of when the morning summary comes, in minutes since midnight."""
MOST_WAYS: Final = 20
LONGEST_ADDRESS: Final = 254
_ADDRESS: Final = re.compile(r"[^@\s<>\",;:\\]+@[^@\s<>\",;:\\]+\.[^@\s<>\",;:\\]+")
_CONNECTION: Final = re.compile(r"c([1-9]\d{0,17})")


class BadSettings(HeliographError):
    """These settings cannot be used."""


def way_of_connection(id: int) -> str:
    """The way over a connection of the account: "c12"."""
    return f"c{id}"


def connection_of(way: str) -> int | None:
    """The connection of a way; None for an address."""
    match = _CONNECTION.fullmatch(way)
    return int(match[1]) if match else None


def is_address(way: str) -> bool:
    """Whether the way is an e-mail address."""
    return len(way) <= LONGEST_ADDRESS and way.isprintable() and way.isascii() and _ADDRESS.fullmatch(way) is not None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a person, or of an account for everything that no rule is about."""

    ways: tuple[str, ...] = ()
    """Ways beside the person's own address: connections ("c12"); in an account's, also addresses."""
    chosen: Mapping[Kind, frozenset[str]] = field(default_factory=dict)
    """The ways of each kind: MAIL, or one of `ways`."""
    waits_minutes: int = 30
    """For WAITS: how long something may wait."""
    summary_at: int = 480
    """When the summary comes, in minutes since midnight."""
    quiet: QuietHours = NEVER_QUIET
    urgent: bool = True
    """Trouble of the installation is told in quiet hours, too."""
    no_mail: frozenset[Kind] = frozenset()
    """The kinds of which the link of an e-mail has stopped all e-mails, also those in place of a connection, until the person saves settings."""

    def ways_of(self, kind: Kind) -> frozenset[str]:
        """The ways on which this kind is told."""
        return self.chosen.get(kind, frozenset())

    def without(self, kinds: Iterable[Kind], way: str = MAIL) -> Settings:
        """The settings after a way was unsubscribed from these kinds."""
        stopped = frozenset(kinds)
        remaining = dict(self.chosen) | {kind: self.ways_of(kind) - {way} for kind in stopped}
        return replace(self, chosen=remaining, no_mail=self.no_mail | stopped if way == MAIL else self.no_mail)

    def to_body(self) -> dict[str, Any]:
        """As JSON."""
        body = {
            "ways": list(self.ways),
            "chosen": {kind.value: sorted(ways) for kind, ways in self.chosen.items() if ways},
            "waits_minutes": self.waits_minutes,
            "summary_at": self.summary_at,
            "quiet": {"first": self.quiet.first, "last": self.quiet.last, "weekend": self.quiet.weekend},
            "urgent": self.urgent,
        }
        return body | ({"no_mail": _names(self.no_mail)} if self.no_mail else {})

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Settings:
        """From JSON. Kinds of a newer release are left out. Raises BadSettings."""
        try:
            quiet = body.get("quiet", {})
            settings = cls(
                tuple(map(str, body.get("ways", ()))),
                {Kind(name): frozenset(map(str, ways)) for name, ways in body.get("chosen", {}).items() if name in set(Kind)},
                int(body.get("waits_minutes", 30)),
                int(body.get("summary_at", 480)),
                QuietHours(int(quiet.get("first", 0)), int(quiet.get("last", 0)), bool(quiet.get("weekend", False))),
                bool(body.get("urgent", True)),
                frozenset(Kind(name) for name in body.get("no_mail", ()) if name in set(Kind)),
            )
        except (TypeError, ValueError, AttributeError):
            raise BadSettings from None
        settings.check()
        return settings

    def check(self) -> None:
        """Raises BadSettings with a sentence that says what is wrong."""
        if len(self.ways) > MOST_WAYS:
            raise BadSettings("At most %(most)s connections and addresses can be told.", most=MOST_WAYS)
        for way in self.ways:
            if connection_of(way) is None and not is_address(way):
                raise BadSettings("“%(way)s” is not an e-mail address.", way=way[:100])
        if any(ways - {MAIL, *self.ways} for ways in self.chosen.values()):
            raise BadSettings("A kind names a connection or address that is not in the list.")
        if self.waits_minutes not in WAITS_MINUTES or self.summary_at not in SUMMARY_MINUTES:
            raise BadSettings("Choose one of the times that are offered.")
        if not all(0 <= minute < DAY_MINUTES for minute in (self.quiet.first, self.quiet.last)):
            raise BadSettings("Quiet hours begin and end at times such as 22:00.")


OF_PERSON: Final = Settings(chosen={kind: frozenset({MAIL}) for kind in Kind})
"""The settings of a person who has not saved any: everything by e-mail."""
OF_ACCOUNT: Final = Settings()
"""The settings of an account that has not saved any: its Administrators are told by their own settings, and nobody else."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is told about one connection or flow, in place of everybody else."""

    users: frozenset[int] = frozenset()
    """They are told on the ways of their own settings."""
    ways: tuple[str, ...] = ()
    """Connections and addresses."""
    kinds: frozenset[Kind] = frozenset(OF_THINGS)
    """The kinds that it is about. For any other kind, everybody is told as without it."""
    stopped: Mapping[str, frozenset[Kind]] = field(default_factory=dict)
    """The kinds that an address no longer gets by it, because the links of e-mails have stopped them."""

    def ways_of(self, kind: Kind) -> tuple[str, ...]:
        """The ways on which this kind is told."""
        return tuple(way for way in self.ways if kind not in self.stopped.get(way, ()))

    def without(self, kinds: Iterable[Kind], way: str) -> Rule:
        """The rule after an address was unsubscribed from these kinds. One that gets none of its kinds any more leaves it."""
        stopped = self.stopped.get(way, frozenset()) | (self.kinds & frozenset(kinds))
        if stopped >= self.kinds:
            return replace(self, ways=tuple(each for each in self.ways if each != way)).keeping(self.stopped)
        return replace(self, stopped=dict(self.stopped) | {way: stopped}) if stopped else self

    def keeping(self, stopped: Mapping[str, frozenset[Kind]]) -> Rule:
        """The rule with the kinds that were stopped before for its ways: whoever saves it anew does not undo the link of an e-mail."""
        return replace(self, stopped={way: kinds for way, kinds in stopped.items() if way in self.ways})

    def to_body(self) -> dict[str, Any]:
        """As JSON."""
        body = {"users": sorted(self.users), "ways": list(self.ways), "kinds": _names(self.kinds)}
        return body | ({"stopped": {way: _names(kinds) for way, kinds in self.stopped.items()}} if self.stopped else {})

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Rule:
        """From JSON. Raises BadSettings."""
        try:
            rule = cls(
                frozenset(map(int, body.get("users", ()))),
                tuple(map(str, body.get("ways", ()))),
                _kinds(body.get("kinds", ())),
                {str(way): _kinds(names) for way, names in body.get("stopped", {}).items()},
            )
        except (TypeError, ValueError, AttributeError):
            raise BadSettings from None
        rule.check()
        return rule

    def check(self) -> None:
        """Raises BadSettings with a sentence that says what is wrong."""
        if not self.users and not self.ways:
            raise BadSettings("Choose who is told: at least one person, connection or address.")
        if not self.kinds:
            raise BadSettings("Choose at least one kind of message.")
        if len(self.ways) > MOST_WAYS:
            raise BadSettings("At most %(most)s connections and addresses can be told.", most=MOST_WAYS)
        for way in self.ways:
            if connection_of(way) is None and not is_address(way):
                raise BadSettings("“%(way)s” is not an e-mail address.", way=way[:100])


def _names(kinds: Iterable[Kind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def _kinds(names: Iterable[str]) -> frozenset[Kind]:
    """The kinds of things with these names; those of a newer release are left out."""
    return frozenset(Kind(name) for name in names if name in set(OF_THINGS))
