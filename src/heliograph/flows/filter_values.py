"""The fields and values that a row of Flow Filters offers: only those that the account has (guide: Flow Filters; F6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from django.utils.translation import gettext as _
from django_scopes import scope

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.filters import bounds_of, usual_day, usual_number
from heliograph.domain.flow.flow import Flow, Op
from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.fields import Shape, Subject
from heliograph.domain.setup.filter_fields import ATTENDEE_TYPE_TAGS, EVENT_TAGS, FilterField, filter_fields
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.mappings.value_options import value_options
from heliograph.setup.name_fields import folded
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.tag_chips import SEPARATOR, TagChoices
from heliograph.store.database import Database

MOST_EVENTS = 500
"""Events whose codes and names a list offers: the newest. Older ones can be typed."""
CLOSED = frozenset({"event.code", "event.name", "event.status"})
"""Standard fields with a fixed set of values."""
OF_EVENTS = ("code", "name", "timezone", "location")


@dataclass(frozen=True, slots=True)
class Read:
    """The values of a posted chip input, and the error if one of them is refused."""

    values: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """The values that a filter row offers."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """By value, in the order of the list."""
    closed: bool = False
    """Whether no other values are possible."""
    whole: bool = True
    """Whether the list contains all of the account's values."""

    @property
    def free(self) -> bool:
        """Whether the page accepts values that are not in the list; the server decides about them."""
        return not (self.closed and self.whole)

    def text(self, values: Iterable[str]) -> str:
        """The text of a chip input with these values."""
        return SEPARATOR.join(self.labels.get(value, chip_text(value)) for value in values)


def chip_text(value: str) -> str:
    """The value as a chip: without semicolons, because they separate chips."""
    return value.replace(";", ",")


class FilterValues:
    """The fields and values of an account's filters. Events are read once, and only if a row needs them."""

    def __init__(self, db: Database, account: int, config: AccountConfig) -> None:
        self._db, self._account, self._config = db, account, config
        self._tags = {
            EVENT_TAGS: TagChoices(config.tags, TagKind.EVENT),
            ATTENDEE_TYPE_TAGS: TagChoices(config.tags, TagKind.ATTENDEE_TYPE),
        }

    def fields(self, subject: Subject) -> tuple[FilterField, ...]:
        """The fields by which a flow about `subject` can filter."""
        tags = (tag for tag in self._config.tags.values() if TagKind.QUESTION in tag.kinds)
        return filter_fields(
            subject,
            profile_fields=self._config.profile_fields.values(),
            event_fields=self._config.event_fields.values(),
            question_tags=sorted(tags, key=lambda tag: (natural_order(tag.label), tag.id)),
        )

    def field(self, key: str) -> FilterField | None:
        """The field with this key; None if no flow of the account can filter by it."""
        return next((f for f in self.fields(Subject.SESSION) if f.key == key), None)

    def ops(self, key: str) -> list[Op]:
        """The comparisons that fit a field, in the order of the list."""
        field = self.field(key)
        return [op for op in Op if field is None or op.fits(field.shape)]

    def offered(self, key: str, op: Op) -> Offered:
        """The values that a row with this field and comparison offers."""
        if key in self._tags:
            return Offered({str(id): text for id, text in self._tags[key].label_by_id.items()}, closed=True)
        field = self.field(key)
        if field is None:
            return Offered()
        exact = op in (Op.IS_ANY_OF, Op.IS_NONE_OF)
        if field.options:
            return Offered({value: chip_text(label) for value, label in field.options}, closed=exact)
        if key == "event.status":
            return Offered(_texts_by_value(status.name for status in self._config.event_statuses.values()), closed=exact)
        area, _dot, name = key.partition(".")
        if area == "answer" and exact:
            with scope(account=self._account):
                return Offered(_texts_by_value(value_options(key, self._config)))
        if area == "event" and name in OF_EVENTS:
            values = dict.fromkeys(event[OF_EVENTS.index(name)] for event in self._events if event[OF_EVENTS.index(name)])
            return Offered(_texts_by_value(values), closed=exact and key in CLOSED, whole=len(self._events) < MOST_EVENTS)
        return Offered()

    def read(self, key: str, op: Op, text: str, stored_values: Sequence[str]) -> Read:
        """The values of a typed text, in which they stand with their labels, separated by semicolons."""
        return self.read_words(key, op, text.split(";"), stored_values)

    def read_words(self, key: str, op: Op, typed: Sequence[str], stored_values: Sequence[str]) -> Read:
        """The values that are meant by words: each is a value or its label.

        stored_values: the stored flow's values of this field; they may stay even if they are no longer offered
        """
        words = [word.strip() for word in typed if word.strip()]
        if op.bounds:
            return _bounds(op, words)
        offered = self.offered(key, op)
        known = {folded(label): value for value, label in offered.labels.items()} | {folded(value): value for value in offered.labels}
        earlier_values = [value for value in stored_values if value not in offered.labels]
        known |= {folded(chip_text(value)): value for value in earlier_values} | {folded(value): value for value in earlier_values}
        if offered.closed and not offered.whole:
            known |= self._older(key, [word for word in words if folded(word) not in known])
        unknown = [word for word in words if folded(word) not in known]
        values = tuple(dict.fromkeys(known.get(folded(word), word) for word in words if not offered.closed or folded(word) in known))
        if not offered.closed or not unknown:
            field = self.field(key)
            usual = {Shape.NUMBER: usual_number, Shape.DATE: usual_day}.get(field.shape or Shape.TEXT) if field else None
            return Read(tuple(dict.fromkeys(map(usual, values))) if usual and not offered.closed else values)
        some = ", ".join(list(offered.labels.values())[:8]) or _("none yet")
        return Read(values, _("“%(value)s” can’t be chosen here. Choose from: %(values)s.") % {"value": unknown[0][:100], "values": some})

    def checked(self, flow: Flow, stored: Flow | None) -> Flow:
        """The flow with the values of its filters as the account has them: "summit-26" becomes the event's code, SUMMIT-26.

        stored: the flow before the change; None for a new one. Its filters may stay as they are
        Raises Invalid for a comparison that does not fit its field, and for a value that cannot be chosen.
        """
        stored_rows = stored.filters if stored is not None else ()
        rows, wrong = [], dict[str, list[str]]()
        for position, row in enumerate(flow.filters):
            if row in stored_rows:
                rows.append(row)
                continue
            stored_values = [value for each in stored_rows if each.field == row.field for value in each.values]
            read = self.read_words(row.field, row.op, row.values, stored_values) if row.op.takes_values else Read(())
            rows.append(replace(row, values=read.values))
            ops = self.ops(row.field)
            if row.op not in ops:
                sentence = _("“%(op)s” does not fit this field. Choose from: %(ops)s.")
                wrong[f"filters[{position}]"] = [sentence % {"op": _(row.op.value), "ops": ", ".join(_(op.value) for op in ops)}]
            elif read.error:
                wrong[f"filters[{position}]"] = [read.error]
        if wrong:
            raise Invalid(wrong)
        return replace(flow, filters=tuple(rows))

    def _older(self, key: str, words: Sequence[str]) -> dict[str, str]:
        """The typed codes or names of events that are too old for the list, by folded text."""
        column = {"event.code": "code", "event.name": "name"}.get(key)
        if column is None or not words:
            return {}
        compared = "lower(code)" if column == "code" else column  # no two codes differ in case alone, and filters ignore it
        compared_words = [word.lower() for word in words] if column == "code" else list(words)
        rows = self._db.all(
            f"SELECT {column} FROM event WHERE account_id = :account AND {self._db.member(compared, 'words')}",
            {"account": self._account, "words": [word for word in compared_words if "\0" not in word]},
        )
        return {folded(value): value for (value,) in rows}

    @cached_property
    def _events(self) -> list[tuple[str, ...]]:
        rows = self._db.all(
            f"SELECT {', '.join(OF_EVENTS)} FROM event WHERE account_id = :account ORDER BY id DESC LIMIT {MOST_EVENTS}",
            {"account": self._account},
        )
        return [tuple(row) for row in rows]


def _bounds(op: Op, words: Sequence[str]) -> Read:
    """The day or number with which the field is compared; two of them for "is between"."""
    values = tuple(usual_day(word) if word[4:5] == "-" else usual_number(word) for word in words)
    wrong = [value for value in values if bounds_of(op, (value,) * op.bounds) is None]
    if wrong:
        problem = _("“%(value)s” cannot be compared: write days as 2027-01-31, numbers as 12.5.")
        return Read(values, problem % {"value": wrong[0][:100]})
    if len(values) == op.bounds and bounds_of(op, values) is None:
        return Read(values, _("A day and a number cannot be compared. Give two days or two numbers."))
    return Read(values)


def _texts_by_value(values: Iterable[str]) -> dict[str, str]:
    return {value: chip_text(value) for value in values}
