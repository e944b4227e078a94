"""The filters of the Retry Queue (guide: Filtering the Queue), as a form and in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.choices import EventCodeFilter, FiltersByEvent, connection_choices, flow_choices
from heliograph.domain.delivery.action import OPEN_STATUSES, QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.retry_items import RetryFilter
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, Filter, IdFilter, SearchFilter
from heliograph.web.shown_fields import Choice

WAITING = "waiting"
"""The choice of the statuses Retry and Error, without items that wait for a tag."""
UNTAGGED = "untagged"
"""The choice of items that wait for a tag."""
LONGEST_CAUSE = 700
"""Characters of a group's key."""
CATEGORIES = (Category.GENERAL, Category.SYSTEM, Category.CONFIG, Category.SOURCE_API, Category.CONNECTION)
"""In the order of the guide."""


def _states() -> list[Choice]:
    return [
        Choice(WAITING, _("Waits for a retry")),
        Choice(UNTAGGED, _("Waits for a tag")),
        *(Choice(status.value, _(status.value)) for status in QueueStatus),
    ]


class RetryFilters(FiltersByEvent):
    """The filters of the list. `cause` and `since` come with links only."""

    no_match = gettext_lazy("No item matches")
    no_match_text = gettext_lazy("No item of the Retry Queue is like this.")
    show_all = gettext_lazy("Show all items")

    q = SearchFilter(gettext_lazy("Search"), placeholder=gettext_lazy("Registration, reason"))
    integration = ChoiceFilter(
        gettext_lazy("Integration"), options=[Choice("webhooks", "Webhooks")], every=gettext_lazy("All Integrations")
    )
    state = ChoiceFilter(gettext_lazy("Status"), options=_states, every=gettext_lazy("All Statuses"), param="status")
    category = EnumFilter(gettext_lazy("Category"), CATEGORIES, lambda category: _(category.value), every=gettext_lazy("All Categories"))
    connection = IdFilter(gettext_lazy("Connection"), every=gettext_lazy("All connections"), extra="flow-select")
    flow = IdFilter(gettext_lazy("Flow"), every=gettext_lazy("All flows"), extra="flow-select")
    event = IdFilter(gettext_lazy("Event"), every=gettext_lazy("All events"))
    event_code = EventCodeFilter()
    cause = Filter(place="link", longest=LONGEST_CAUSE)
    since = IdFilter(place="link")
    """Only items that ended at this instant (microseconds) or later."""

    @property
    def retry_filter(self) -> RetryFilter:
        """The chosen filters, as RetryQueue takes them."""
        values = self.cleaned_data
        return RetryFilter(
            statuses=OPEN_STATUSES
            if values["state"] == WAITING
            else (QueueStatus.RETRY,)
            if values["state"] == UNTAGGED
            else tuple(s for s in QueueStatus if s.value == values["state"]),
            category=values["category"],
            flow=values["flow"],
            event=self.event_id,
            connection=values["connection"],
            text=values["q"],
            cause=values["cause"],
            ended_since=values["since"],
            untagged={WAITING: False, UNTAGGED: True}.get(values["state"]),
        )

    def offer_of(self, reader: AccountReader) -> None:
        """Fills the choices of connections and flows with those of the account."""
        self.offer("connection", connection_choices(reader.config))
        self.offer("flow", flow_choices(reader.config))


def filter_words(retry_filter: RetryFilter, reader: AccountReader, *, names_text: bool = True) -> str:
    """A filter in words: "Status Failed, category General, all flows and events".

    names_text: whether the searched text is quoted. It may be a person's name, which the audit must not keep.
    """
    searched = (
        _("“%(text)s” in registration or reason") % {"text": retry_filter.text} if names_text else _("a text in registration or reason")
    )
    events = reader.events([retry_filter.event]) if retry_filter.event else {}
    event = events.get(retry_filter.event or 0)
    statuses = [_(status.value) for status in retry_filter.statuses]
    waits = _("Waits for a tag") if retry_filter.untagged else _("Waits for a retry") if retry_filter.statuses == OPEN_STATUSES else ""
    parts = [
        waits or (_("Status %(status)s") % {"status": _(" or ").join(statuses)} if statuses else ""),
        _("category %(category)s") % {"category": _(retry_filter.category.value)} if retry_filter.category else "",
        _("flow %(flow)s") % {"flow": reader.flow_names([retry_filter.flow]).get(retry_filter.flow, "")} if retry_filter.flow else "",
        _("event %(event)s") % {"event": event.code if event else ""} if retry_filter.event else "",
        _("connection %(connection)s") % {"connection": reader.connection_names([retry_filter.connection]).get(retry_filter.connection, "")}
        if retry_filter.connection
        else "",
        searched if retry_filter.text else "",
        _("one cause") if retry_filter.cause else "",
        _("all flows and events") if not (retry_filter.flow or retry_filter.event or retry_filter.cause) else "",
    ]
    return ", ".join(part for part in parts if part)
