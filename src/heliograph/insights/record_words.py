"""The words of lists of records and of their filters (X3)."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from heliograph.domain.registration.change import Facet
from heliograph.insights.record_kinds import Outcome, RecordKind, RecordSort
from heliograph.insights.replay_share import ReplayShare

HEADINGS = {
    RecordKind.CHANGES: gettext_lazy("Changes Processed"),
    RecordKind.REGISTRATIONS: gettext_lazy("Unique Registrations"),
    RecordKind.RECORDED: gettext_lazy("Registration Activity"),
    RecordKind.TRIGGERED: gettext_lazy("Actions Triggered"),
    RecordKind.SUCCESS: gettext_lazy("Successes"),
    RecordKind.PEOPLE: gettext_lazy("People reached"),
    RecordKind.FAILURES: gettext_lazy("Failures"),
    RecordKind.QUEUED: gettext_lazy("Actions in the Retry Queue"),
    RecordKind.FAILED: gettext_lazy("Failed actions"),
    RecordKind.VALIDATION: gettext_lazy("Actions with a validation error"),
    RecordKind.SUPERSEDED: gettext_lazy("Actions replaced by newer data"),
    RecordKind.PENDING: gettext_lazy("Pending actions"),
    RecordKind.HELD: gettext_lazy("Held actions"),
    RecordKind.LEADS_CREATED: gettext_lazy("Leads Created"),
    RecordKind.LEADS_UPDATED: gettext_lazy("Leads Updated"),
    RecordKind.NOT_TRIGGERED: gettext_lazy("Actions Not Triggered"),
    RecordKind.UNTAGGED: gettext_lazy("Wait for a tag"),
    RecordKind.UNDECIDED: gettext_lazy("Not checked yet"),
    RecordKind.FLOWS: gettext_lazy("Active Flows"),
    RecordKind.IN_RETRY_QUEUE: gettext_lazy("In Retry Queue"),
    RecordKind.RETRIES: gettext_lazy("Total Retried"),
    RecordKind.ABANDONED: gettext_lazy("Retried Abandoned"),
    RecordKind.VALIDATION_ERRORS: gettext_lazy("Validation Errors"),
    RecordKind.ATTEMPTS: gettext_lazy("Connection Activity"),
}
"""The headings of the lists, which are the names of their figures."""
OUTCOMES = {
    Outcome.SUCCESS: gettext_lazy("Success"),
    Outcome.WAITING: gettext_lazy("Will be retried"),
    Outcome.FAILED: gettext_lazy("Failed"),
    Outcome.VALIDATION: gettext_lazy("Validation error"),
    Outcome.SUPERSEDED: gettext_lazy("Replaced by newer data"),
    Outcome.PENDING: gettext_lazy("Pending"),
    Outcome.NOT_TRIGGERED: gettext_lazy("Not triggered"),
}
SORTS = {
    RecordSort.NEWEST: gettext_lazy("Newest first"),
    RecordSort.OLDEST: gettext_lazy("Oldest first"),
    RecordSort.MOST_CHANGES: gettext_lazy("Most changes first"),
}
REPLAYS = {ReplayShare.WITHOUT: gettext_lazy("Without replays"), ReplayShare.ONLY: gettext_lazy("Replays only")}
FACETS = {
    Facet.CREATED: gettext_lazy("Created"),
    Facet.UPDATED: gettext_lazy("Updated"),
    Facet.STATUS_CHANGED: gettext_lazy("Status changed"),
    Facet.SESSION_STATUS_CHANGED: gettext_lazy("Session status changed"),
    Facet.EVENT_CREATED: gettext_lazy("Event created"),
    Facet.EVENT_UPDATED: gettext_lazy("Event updated"),
}
