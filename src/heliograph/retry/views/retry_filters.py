"""The filters of the Retry Queue (guide: Filtering the Queue)."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.account_reader import AccountReader
from heliograph.deliveries.choices import EventCodeFilter, FiltersByEvent, connection_choices, flow_choices
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.retry_items import LONGEST_CAUSE, RetryFilter, StatusChoice
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, Filter, IdFilter, SearchFilter
from heliograph.web.shown_fields import Choice

CATEGORIES = (Category.GENERAL, Category.SYSTEM, Category.CONFIG, Category.SOURCE_API, Category.CONNECTION)
"""In the order of the guide."""


def _states() -> list[Choice]:
    return [
        Choice(StatusChoice.WAITING.value, _("Waiting")),
        Choice(StatusChoice.UNTAGGED.value, _("Waits for a tag")),
        *(Choice(status.value, _(status.value)) for status in QueueStatus),
    ]


class RetryFilters(FiltersByEvent):
    """The filters of the list. `cause` and `since` come with links only."""

    no_match = gettext_lazy("No item matches")
    no_match_text = gettext_lazy("Nothing matches the search and filters. Change one of them.")
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
        chosen = StatusChoice(values["state"]) if values["state"] else None
        return RetryFilter(
            statuses=chosen.statuses if chosen else (),
            category=values["category"],
            flow=values["flow"],
            event=self.event_id,
            connection=values["connection"],
            text=values["q"],
            cause=values["cause"],
            ended_since=values["since"],
            untagged=chosen.untagged if chosen else None,
        )

    def offer_of(self, reader: AccountReader) -> None:
        """Fills the choices of connections and flows with those of the account."""
        self.offer("connection", connection_choices(reader.config))
        self.offer("flow", flow_choices(reader.config))
