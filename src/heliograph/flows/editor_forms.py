"""The fields of the flow editor, each declared once for the reader (`drafts`), the page (`views.flow_form`) and its template.

name, watch, statuses …     the flow (FlowForm)
f0-key, f0-op …             the first filter (FilterForm)
d0-name, d0-connection …    the first destination (DestinationForm)
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy

from heliograph.connections.does_words import DOES
from heliograph.domain.delivery.action import Does
from heliograph.domain.flow.flow import LISTS
from heliograph.flows.services.rules import ACTION, INTEGRATION
from heliograph.web.form_fields import Box, Hidden, Radios, Select, Ticks, TypedChips, TypedLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice

LONGEST: Final = 20_000
"""Most characters of one chip input that are parsed."""
DOES_WHAT: Final = {
    Does.UPDATES: gettext_lazy("A late retry never overwrites newer data"),
    Does.ADDS: gettext_lazy("Everything is sent; a late retry may follow newer data"),
}


class FlowForm(Form):
    """The flow without its rows, and the buttons. Each list of "Activate for" has a field of its name."""

    name = TypedLine(gettext_lazy("Name"), longest=LONGEST, follows=True)
    live = Box()
    watch = Hidden()
    emptied = Ticks()
    """The lists whose last tag was deleted."""
    on_purpose = Ticks()
    """The emptied lists that are meant to be empty."""
    row = Ticks()
    """The numbers of the filters, in order."""
    destination = Ticks()
    """The numbers of the destinations, in order."""
    opened = Hidden()
    """The version that is being edited."""
    over = Hidden()
    """The version to overwrite."""
    add = Hidden()
    """The button that adds a row: "filter" or "destination"."""
    remove_filter = Hidden()
    """The button that removes a filter, with its number. So is remove_destination."""
    remove_destination = Hidden()
    look = Hidden()
    """The button that only shows the page again."""
    new = Hidden()
    """A destination's button: its part and the destination's number, such as "payload-0". So are edit and preview."""
    edit = Hidden()
    preview = Hidden()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields |= {name: TypedChips(longest=LONGEST, placeholder=gettext_lazy("Add a tag"), follows=True) for name in LISTS}


class FilterForm(Form):
    """A filter. The page writes was and op_was: key and op for which the values were typed."""

    key = TypedLine(longest=100)
    was = TypedLine(longest=100)
    op = Hidden()
    op_was = Hidden()
    values = TypedChips(longest=LONGEST, glue=gettext_lazy("or"), follows=True)
    """Any number of values, or the first bound."""
    last = TypedLine(longest=LONGEST, follows=True)
    """The last bound of "is between"."""


class DestinationForm(Form):
    """A destination."""

    id = Hidden()
    integration = Select(gettext_lazy("Integration"), options=[Choice(INTEGRATION, INTEGRATION)], any_value=True)
    name = TypedLine(gettext_lazy("Destination name"), longest=LONGEST, follows=True)
    connection = Select(gettext_lazy("Connection"), any_value=True, placeholder=gettext_lazy("Choose a connection"), follows=True)
    action = Select(
        gettext_lazy("Action"),
        options=[Choice(ACTION, ACTION)],
        any_value=True,
        placeholder=gettext_lazy("Choose an action"),
        follows=True,
    )
    does = Radios(
        gettext_lazy("What a request does"),
        options=[Choice(does.value, text, sub=DOES_WHAT[does]) for does, text in DOES.items()],
    )
    payload = Select(gettext_lazy("Payload mapping"), any_value=True, placeholder=gettext_lazy("Choose a mapping"), follows=True)
    header = Select(gettext_lazy("Http Header mapping"), any_value=True, placeholder=gettext_lazy("None"), follows=True, optional=True)


class PanelForm(Form):
    """The fields and buttons of the test beside the form."""

    try_text = Hidden()
    """The search for a registration, or the code of an event."""
    try_event = Hidden()
    """The event in which a test registration is created."""
    make = Hidden()
    """The button that creates a test registration, with its code."""
    pick = Hidden()
    """The button that chooses one of several registrations, with its id."""
    picked = Hidden()
    """The registration that the panel shows."""
    count = Hidden()
    """The button that counts last week's changes."""
    past = Hidden()
    """The button that tries the rule on past changes."""
    trial = Hidden()
    """The button that tests the flow with the registration or event of the search."""
