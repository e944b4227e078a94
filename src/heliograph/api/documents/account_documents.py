"""The account and its settings as JSON: itself, retry intervals, retention (P1, D5, O4)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.accounts.models import Account, StartPage
from heliograph.api.documents.shared_forms import Document, Instant, sent_or
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.retention import Terms
from heliograph.setup.services.account_creation import AccountFacts
from heliograph.setup.services.retention_terms import RemovalOutlook, installation_terms, terms_of
from heliograph.setup.services.retry_intervals import FIELDS, account_intervals
from heliograph.store.instants import from_micros
from heliograph.store.retention_record import Removed

Code = Annotated[str, msgspec.Meta(description="Letters, digits and dashes. Commands and mappings use it to name the account.")]
Name = Annotated[str, msgspec.Meta(description="The organization whose events these are.")]
Zone = Annotated[str, msgspec.Meta(description="An IANA time zone, such as Europe/Vienna. Whole days of reports are days of it.")]
Start = Annotated[StartPage, msgspec.Meta(description="The page that Signal opens with.")]
OwnDays = Annotated[int | None, msgspec.Meta(description="The account's own term in days; null: that of the installation.")]
Days = Annotated[int, msgspec.Meta(description="In days.")]
Minutes = Annotated[list[float], msgspec.Meta(description="Minutes until the first, second and third retry.")]
NewMinutes = Annotated[
    list[float] | None, msgspec.Meta(description="Minutes until the first, second and third retry; null: the usual ones.")
]


class AccountDocument(Document):
    """The account of the token."""

    code: Code
    name: Name
    timezone: Zone
    signal_enabled: Annotated[bool, msgspec.Meta(description="Whoever runs Heliograph turns it on and off.")]
    start_page: Start

    @classmethod
    def from_row(cls, row: Account) -> AccountDocument:
        """The document of a row."""
        return cls(
            code=row.code,
            name=row.name,
            timezone=row.timezone,
            signal_enabled=row.signal_enabled,
            start_page=StartPage(row.start_page),
        )


class AccountChange(Document):
    """What to change of the account. An absent member stays as it is."""

    code: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    timezone: Zone | UnsetType = UNSET
    start_page: Start | UnsetType = UNSET

    def facts(self, row: Account) -> AccountFacts:
        """The account with the changes."""
        return AccountFacts(
            sent_or(self.code, row.code),
            sent_or(self.name, row.name),
            sent_or(self.timezone, row.timezone),
            row.signal_enabled,
            sent_or(self.start_page, row.start_page),
        )


class RetryIntervalsDocument(Document):
    """When failed deliveries are tried again, by the category of the cause."""

    system: Minutes
    connection: Minutes
    source_api: Minutes
    general: Minutes
    config: Minutes

    @classmethod
    def from_row(cls, row: Account) -> RetryIntervalsDocument:
        """The document of an account's row."""
        intervals = account_intervals(row)
        return cls(**{name: [wait / MINUTE for wait in intervals[category]] for category, name in FIELDS.items()})


class RetryIntervalsChange(Document):
    """What to change of the retry intervals. An absent category stays as it is."""

    system: NewMinutes | UnsetType = UNSET
    connection: NewMinutes | UnsetType = UNSET
    source_api: NewMinutes | UnsetType = UNSET
    general: NewMinutes | UnsetType = UNSET
    config: NewMinutes | UnsetType = UNSET

    @property
    def minutes(self) -> dict[str, list[float] | None]:
        """The minutes that were sent, by category."""
        sent = {name: getattr(self, name) for name in FIELDS.values()}
        return {name: minutes for name, minutes in sent.items() if minutes is not UNSET}


class TermsDocument(Document):
    """How long content and records are kept."""

    content: Days
    rows: Days

    @classmethod
    def from_terms(cls, terms: Terms) -> TermsDocument:
        """The document of terms."""
        return cls(content=terms.content, rows=terms.rows)


class RetentionDocument(Document):
    """How long the account keeps content, and how long records. Content is no longer kept than its record."""

    content: OwnDays
    rows: OwnDays
    in_force: Annotated[TermsDocument, msgspec.Meta(description="The terms that hold.")]
    installation: Annotated[TermsDocument, msgspec.Meta(description="The longest terms that an account can have.")]

    @classmethod
    def from_row(cls, row: Account) -> RetentionDocument:
        """The document of an account's row."""
        return cls(
            content=row.content_days,
            rows=row.row_days,
            in_force=TermsDocument.from_terms(terms_of(row)),
            installation=TermsDocument.from_terms(installation_terms()),
        )


class RetentionChange(Document):
    """What to change of the terms. An absent member stays as it is."""

    content: OwnDays | UnsetType = UNSET
    rows: OwnDays | UnsetType = UNSET

    def days(self, row: Account) -> tuple[int | None, int | None]:
        """The account's own terms with the changes, for content and for records."""
        return sent_or(self.content, row.content_days), sent_or(self.rows, row.row_days)


class RemovedDocument(Document):
    """The numbers of a removal, to come or past."""

    contents: int
    changes: int
    decisions: int
    actions: int
    attempts: int

    @classmethod
    def from_counts(cls, removed: Removed) -> RemovedDocument:
        """The document of counts."""
        return cls(
            contents=removed.contents, changes=removed.changes, decisions=removed.runs, actions=removed.actions, attempts=removed.attempts
        )


class RemovalDayDocument(Document):
    """What was removed on one day."""

    at: Instant
    removed: RemovedDocument


class RemovalDocument(Document):
    """What the terms in force remove next, and what they have removed."""

    removed: Annotated[RemovedDocument, msgspec.Meta(description="What goes, as far as it was counted.")]
    more: Annotated[bool, msgspec.Meta(description="True if more than was counted may go.")]
    oldest: Annotated[Instant | None, msgspec.Meta(description="Of what goes; null if nothing does.")]
    waiting: Annotated[int, msgspec.Meta(description="Old changes that stay, since something of them waits in the Retry Queue.")]
    ending: Annotated[int, msgspec.Meta(description="Changes that wait for a tag or another save, and can no longer be sent then.")]
    announced: Annotated[Instant | None, msgspec.Meta(description="When the removal was announced; null: it has not been yet.")]
    begins: Annotated[Instant | None, msgspec.Meta(description="When it begins, or began.")]
    days: Annotated[list[RemovalDayDocument], msgspec.Meta(description="The newest days on which something was removed.")]

    @classmethod
    def from_outlook(cls, outlook: RemovalOutlook) -> RemovalDocument:
        """The document of an outlook."""
        removal, notice = outlook.removal, outlook.notice
        return cls(
            removed=RemovedDocument.from_counts(removal.removed),
            more=removal.more,
            oldest=None if removal.oldest is None else from_micros(removal.oldest),
            waiting=removal.waiting,
            ending=removal.ending,
            announced=None if notice is None else from_micros(notice.at),
            begins=None if notice is None else from_micros(notice.begins),
            days=[RemovalDayDocument(at=from_micros(day.at), removed=RemovedDocument.from_counts(day.removed)) for day in outlook.days],
        )
