"""The words of a list about records that have left or joined it since its link was made (X3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.translation import ngettext

from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.insights.record_kinds import RecordFilter, RecordKind
from heliograph.insights.record_totals import MovedRecords
from heliograph.insights.views.insights_frame import Frame


@dataclass(frozen=True, slots=True)
class MovedWords:
    """The words about records that have moved."""

    text: str
    """How many records have left the list; "" for none."""
    parts: list[tuple[str, str]]
    """Where they are now: (words, URL of that list)."""
    arrived: str
    """How many records have joined the list; "" for none."""


_WENT: Final[dict[RecordKind, Callable[[int], str]]] = {
    RecordKind.QUEUED: lambda number: ngettext("%(n)s waits to be retried", "%(n)s wait to be retried", number),
    RecordKind.SUCCESS: lambda number: ngettext("%(n)s was delivered", "%(n)s were delivered", number),
    RecordKind.FAILED: lambda number: ngettext("%(n)s failed", "%(n)s failed", number),
    RecordKind.VALIDATION: lambda number: ngettext("%(n)s has a validation error", "%(n)s have a validation error", number),
    RecordKind.SUPERSEDED: lambda number: ngettext("%(n)s was replaced by newer data", "%(n)s were replaced by newer data", number),
    RecordKind.PENDING: lambda number: ngettext("%(n)s is not sent yet", "%(n)s are not sent yet", number),
}
"""The words for records that are in another list now, by that list."""


def moved_words(moved: MovedRecords, record_filter: RecordFilter, frame: Frame, linked_number: int, seen: int) -> MovedWords:
    """The words about moved records.

    linked_number: the number that the list's link showed
    seen: when the link was made (microseconds)
    """

    def there(kind: RecordKind) -> str:
        query = {
            "since": record_filter.since // MINUTE,
            "until": record_filter.until // MINUTE,
            "was": record_filter.kind.value,
            "seen": seen,
        }
        query |= {"mode": "test"} if record_filter.mode is Mode.TEST else {}
        query |= {"integration": frame.integration.segment} if frame.integration else {}
        return f"{reverse('records', args=(kind.value,))}?{urlencode(query)}"

    parts = [(_WENT[kind](number) % {"n": intcomma(number)}, there(kind)) for kind, number in moved.went]
    if moved.submitted:
        text = ngettext("%(n)s was submitted again", "%(n)s were submitted again", moved.submitted)
        parts.append((text % {"n": intcomma(moved.submitted)}, reverse("retry")))
    if moved.judged:
        text = ngettext("%(n)s was checked again", "%(n)s were checked again", moved.judged)
        parts.append((text % {"n": intcomma(moved.judged)}, there(RecordKind.CHANGES)))
    text = ngettext("%(n)s of these %(shown)s has changed since", "%(n)s of these %(shown)s have changed since", moved.left)
    arrived = ngettext("%(n)s is new since.", "%(n)s are new since.", moved.arrived) % {"n": intcomma(moved.arrived)}
    return MovedWords(
        text % {"n": intcomma(moved.left), "shown": intcomma(linked_number)} if moved.left else "", parts, arrived if moved.arrived else ""
    )
