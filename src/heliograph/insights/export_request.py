"""Asking for the export of a list of records: what it has, and what the audit says of it (X3, P1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.flow import Mode
from heliograph.insights import record_export
from heliograph.insights.figure_scope import FigureScope
from heliograph.insights.record_export import CsvForm
from heliograph.insights.record_filter_words import filter_words
from heliograph.insights.record_kinds import RecordFilter, RecordSort
from heliograph.insights.record_totals import figure_of
from heliograph.insights.record_words import HEADINGS
from heliograph.insights.records import MOST_COUNTED, Records
from heliograph.jobs.models import Job


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """The list of records whose export is asked for. Its records are counted before the transaction of the job."""

    account: int
    record_filter: RecordFilter
    order: RecordSort
    scope: FigureScope
    total: int
    is_exact: bool
    """False if there may be more records than `total`."""
    filter_in_words: tuple[str, ...]
    """The filter as the audit words it."""

    @classmethod
    def read(cls, account: int, record_filter: RecordFilter, order: RecordSort, scope: FigureScope) -> ExportRequest:
        """Counts the records."""
        with account_reader(account, snapshot=True) as reader:
            count = Records(reader, record_filter).count(MOST_COUNTED, kept_since=scope.kept_since)
            figure = None if count.is_exact else figure_of(reader, record_filter, scope.code)
            total, is_exact = (count.number, count.is_exact) if figure is None else (figure, True)
            words = (scope.mode_text, scope.period_text, *filter_words(record_filter, reader))
        return cls(account, record_filter, order, scope, total, is_exact, words)

    def start(self, form: CsvForm, *, by: str, zone: str, language: str) -> Job:
        """Starts the export. Raises TooManyExports, TooMuchWork.

        zone, language: the time zone and the language of a file for spreadsheets
        """
        list_facts = {
            "name": str(HEADINGS[self.record_filter.kind]),
            "back": list_address(self.record_filter, self.order, self.scope),
            "zone": zone,
            "language": language,
            "kept": self.scope.kept_text,
        }
        return record_export.start(
            self.account,
            self.record_filter,
            self.order,
            form,
            list_facts,
            self.total,
            by=by,
            is_exact=self.is_exact,
            filter_words=self.filter_in_words,
        )


def list_address(record_filter: RecordFilter, order: RecordSort, scope: FigureScope) -> str:
    """The address of the page of a list."""
    query = {
        "q": record_filter.text,
        "event": record_filter.event,
        "flow": record_filter.flow,
        "connection": record_filter.connection,
        "outcome": record_filter.outcome.value if record_filter.outcome else "",
        "replays": record_filter.replays.value,
        "since": record_filter.since // MINUTE,
        "until": record_filter.until // MINUTE,
        "mode": "test" if record_filter.mode is Mode.TEST else "",
        "integration": scope.integration.segment if scope.integration else "",
        "sort": order.value,
        "alike": record_filter.alike,
        "facet": record_filter.facet.value if record_filter.facet else "",
        "category": record_filter.category.value if record_filter.category else "",
        "was": record_filter.left_kind.value if record_filter.left_kind else "",
        "seen": record_filter.left_since,
    }
    return f"{reverse('records', args=(record_filter.kind.value,))}?{urlencode({name: text for name, text in query.items() if text})}"
