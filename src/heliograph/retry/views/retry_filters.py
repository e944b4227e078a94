"""The filters of the Retry Queue (guide: Filtering the Queue), and what they say in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.choices import EventCodeFilter, FiltersByEvent, connection_choices, flow_choices
from heliograph.deliveries.database import AccountReader
from heliograph.domain.delivery.action import QueueStatus
from heliograph.domain.delivery.retry_policy import Category
from heliograph.retry.retry_items import OPEN, RetryFilter
from heliograph.web.list_filters import ChoiceFilter, EnumFilter, Filter, IdFilter, SearchFilter
from heliograph.web.shown_fields import Choice

WAITING = "waiting"
"""The choice that means Retry and Error, without what waits for a tag."""
UNTAGGED = "untagged"
"""The choice that means what waits for a tag."""
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
    """What the list shows of the whole queue. cause: a group's, by its link."""

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
    """Microseconds: only what is Done since then."""

    @property
    def wanted(self) -> RetryFilter:
        """As the queue takes it."""
        of = self.cleaned_data
        return RetryFilter(
            statuses=OPEN
            if of["state"] == WAITING
            else (QueueStatus.RETRY,)
            if of["state"] == UNTAGGED
            else tuple(s for s in QueueStatus if s.value == of["state"]),
            category=of["category"],
            flow=of["flow"],
            event=self.event_id,
            connection=of["connection"],
            text=of["q"],
            cause=of["cause"],
            ended_since=of["since"],
            untagged={WAITING: False, UNTAGGED: True}.get(of["state"]),
        )

    def offer_of(self, reading: AccountReader) -> None:
        """Offers what the account has."""
        self.offer("connection", connection_choices(reading.config))
        self.offer("flow", flow_choices(reading.config))


def filter_words(wanted: RetryFilter, reading: AccountReader, *, names_text: bool = True) -> str:
    """A filter in words: "Status Failed, category General, all flows and events". names_text: with the text that was searched for."""
    searched = _("“%(text)s” in registration or reason") % {"text": wanted.text} if names_text else _("a text in registration or reason")
    events = reading.events([wanted.event]) if wanted.event else {}
    event = events.get(wanted.event or 0)
    statuses = [_(status.value) for status in wanted.statuses]
    waits = _("Waits for a tag") if wanted.untagged else _("Waits for a retry") if wanted.statuses == OPEN else ""
    parts = [
        waits or (_("Status %(status)s") % {"status": _(" or ").join(statuses)} if statuses else ""),
        _("category %(category)s") % {"category": _(wanted.category.value)} if wanted.category else "",
        _("flow %(flow)s") % {"flow": reading.flow_names([wanted.flow]).get(wanted.flow, "")} if wanted.flow else "",
        _("event %(event)s") % {"event": event.code if event else ""} if wanted.event else "",
        _("connection %(connection)s") % {"connection": reading.connection_names([wanted.connection]).get(wanted.connection, "")}
        if wanted.connection
        else "",
        searched if wanted.text else "",
        _("one cause") if wanted.cause else "",
        _("all flows and events") if not (wanted.flow or wanted.event or wanted.cause) else "",
    ]
    return ", ".join(part for part in parts if part)
