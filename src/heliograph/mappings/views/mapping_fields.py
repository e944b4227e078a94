"""The fields of the mapping editor, each declared once for the reader, the page, its templates and its script.

name, panel, person …       the mapping, and what the page shows of it (MappingForm)
at-0, target-0, line-0 …    the first row (TargetForm)
text, map_from, escape …    the chip whose panel is open (ChipForm)
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy

from heliograph.connections.views.typed_secrets import WaitingForm
from heliograph.domain.mapping.mapping import DateFormat, Escape
from heliograph.web.form_fields import Box, Hidden, Radios, Select, Ticks, TypedLine, TypedLines
from heliograph.web.forms import Form, RowForm
from heliograph.web.shown_fields import Choice

LONGEST_NAME: Final = 1000


class MappingForm(WaitingForm):
    """The mapping without its rows, the preview, the box of a sample, and the buttons."""

    pairs = (("kind", "subject"),)

    do = Hidden()
    """The button: a verb, and after a colon its object."""
    name = TypedLine(gettext_lazy("Mapping name"), longest=LONGEST_NAME, autocomplete="off")
    kind = Radios(gettext_lazy("Kind"), any_value=True)
    subject = Radios(gettext_lazy("What it is for"), any_value=True)
    empty = Select(gettext_lazy("If an optional field is empty"), any_value=True)
    number = Hidden()
    """The version that is being edited."""
    panel = Hidden()
    """The row and the chip whose panel is open, such as "0.1"."""
    object = Ticks()
    """The paths of objects and lists, in order."""
    object_name = Ticks()
    """The posted names of these objects and lists."""

    preview_format = Hidden()
    key = TypedLine(longest=300)
    """The registration or event that was chosen to try the mapping with."""
    person = TypedLine(longest=200)
    """The text by which the registration or event is searched."""
    person_was = TypedLine(longest=200)
    """The text for which the page shows the preview."""
    made_up = Hidden()
    """Whether the mapping is tried with made-up data: "1"."""

    new_name = TypedLine(longest=LONGEST_NAME)
    new_type = Hidden()
    new_nested = Box()
    start = Hidden()
    """The preset whose rows a mapping without rows takes."""
    sample = TypedLines(
        gettext_lazy("Sample JSON"),
        longest=None,
        extra="code",
        help=gettext_lazy("As the administrator of the target application gave it. Its names and types are kept."),
    )
    sample_mark = Hidden()
    """The digest of the sample whose rows the page shows."""
    keep_values = Box()
    sample_row = Ticks()
    """The chosen rows of the sample."""
    proposed = Ticks()
    """The source keys that the page proposes, each with its row of the sample."""


class TargetForm(RowForm):
    """A row of the mapping."""

    at = Hidden()
    """Its place among nested fields, as JSON."""
    parts = Hidden()
    """The chips of the page with their settings, as JSON."""
    target = TypedLine(longest=LONGEST_NAME)
    type = Hidden()
    required = Box()
    line = TypedLines(longest=None)
    """Its chips as text."""
    trim = Box()
    tidy = Box()
    case = Hidden()


class ChipForm(Form):
    """The settings of a chip. Settings that its panel does not show are not posted."""

    pairs = (("if_empty", "escape"),)

    text = TypedLines(gettext_lazy("Text"), longest=None)
    map_from = Ticks()
    map_to = Ticks()
    otherwise = Hidden()
    otherwise_text = TypedLine(longest=None)
    date = Select(
        gettext_lazy("Date format"),
        options=[Choice("", gettext_lazy("As it is")), *(Choice(each.value, gettext_lazy(each.value)) for each in DateFormat)],
    )
    date_pattern = TypedLine(
        gettext_lazy("Pattern"),
        longest=LONGEST_NAME,
        optional=True,
        placeholder="DD.MM.YYYY HH:mm",
        help=gettext_lazy("With “A pattern”: YYYY, MM, DD, HH, mm, ss; MMM and MMMM are the month’s name. Anything else is sent as it is."),
    )
    if_empty = TypedLine(gettext_lazy("Text if empty"), longest=None, optional=True)
    escape = Select(
        gettext_lazy("Escape for"), options=[Choice("", gettext_lazy("Nothing")), *(Choice(each.value, each.value) for each in Escape)]
    )
    longest = TypedLine(
        gettext_lazy("One line of at most so many characters"), longest=None, optional=True, inputmode="numeric", extra="short"
    )
