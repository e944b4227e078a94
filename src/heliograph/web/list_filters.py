"""The filters of a list: a form that is read from the page's address (components/filters.html, no_match.html).

    class TagFilters(ListFilters):
        no_match = gettext_lazy("No tag matches")

        q = SearchFilter(gettext_lazy("Search tags"), placeholder=gettext_lazy("Name or label"))
        kind = EnumFilter(gettext_lazy("Object"), TagKind, KIND_NAMES.__getitem__, every=gettext_lazy("All objects"), param="object")

    filters = TagFilters(request)
    rows = [tag for tag in tags if filters.cleaned_data["kind"] in (None, tag.kind)]
    page(request, "setup/tags.html", filters=filters, rows=rows)

An address may hold anything. A value that a filter cannot read counts as not given, and the values that it reads are bounded. An unknown id
matches no row. An impossible day or time is different, because people type them: the filter refuses it (`ListFilters.refused`), its field keeps
the text, and the list shows no row.

A list that leaves out a filter only shows more rows. An operation on all rows that match would do more than somebody asked for, so it refuses
such an address as a whole:

    if refusal := filters.refuse_unread(reverse("tags")):
        return refusal
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.accounts.models import User
from heliograph.accounts.saved_views import can_be_kept, query_of, views_of
from heliograph.domain.ids import read_id
from heliograph.web.form_fields import Select, WidgetKind
from heliograph.web.forms import Form
from heliograph.web.shown_fields import AnyText, Choice, FormField
from heliograph.web.toasts import say

LONGEST_FILTER = 200
"""The most characters that a filter reads; longer texts are cut."""
YEARS = (1970, 9998)
"""The first and last year of a day that is accepted."""

type FilterPlace = Literal["bar", "view", "link", "beside"]
"""The place of a filter.

    bar      drawn in the bar
    view     sorting or columns: it removes no row, and the bar and "Clear" leave it as it is
    link     set by a link only; filtering anew removes it
    beside   of another part of the page: it removes no row
"""


class Filter(Select):
    """One filter: a text.

    every: the label of the option that removes no row.
    param: its name in addresses, if that cannot be the field's own.
    """

    def __init__(
        self,
        label: AnyText = "",
        *,
        every: AnyText = "",
        param: str = "",
        place: FilterPlace = "bar",
        longest: int = LONGEST_FILTER,
        **words: Any,
    ) -> None:
        super().__init__(label, **words)
        self.every, self.param, self.place, self.longest = every, param, place, longest

    def read(self, text: str) -> Any:
        """The value of a text from the address; "" gives the value that removes no row."""
        return text[: self.longest]

    def clean(self, value: Any) -> Any:
        return self.read("" if value is None else str(value))

    def texts(self, value: Any) -> Sequence[str]:
        """The value as addresses contain it; empty if it removes no row."""
        return [] if value == self.read("") else [str(self.value_shown(value))]

    @property
    def current_options(self) -> Sequence[Choice]:
        return [Choice("", self.every), *super().current_options]

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        value_text, extra = self.value_shown(value), self.words.get("extra", "")
        error = " ".join(errors)
        return FormField(
            kind=self.kind, id=name, label=self.label or "", value=value_text, options=self.current_options, extra=extra, error=error
        )


class SearchFilter(Filter):
    """Words to search for. placeholder: the fields that are searched."""

    kind: ClassVar[WidgetKind] = "text"

    def read(self, text: str) -> str:
        return text.strip()[: self.longest]

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        return FormField(kind=self.kind, id=name, label=self.label or "", value=str(value), placeholder=self.words.get("placeholder", ""))


class TextFilter(Filter):
    """A typed text that filters by one thing, in addition to the search."""

    kind: ClassVar[WidgetKind] = "text"

    def read(self, text: str) -> str:
        return text.strip()[: self.longest]

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        return FormField(kind=self.kind, id=name, label=self.label or "", value=str(value))


class ChoiceFilter(Filter):
    """A choice among options, by their texts."""

    def read(self, text: str) -> Any:
        return text if text in {option.value for option in self.current_options} else ""


class EnumFilter[E: Enum](Filter):
    """A member of an enumeration, by its value. For any other text it is the member with the value "", or None if there is none."""

    def __init__(
        self,
        label: AnyText = "",
        members: Iterable[E] = (),
        name: Callable[[E], AnyText] = str,
        **words: Any,
    ) -> None:
        self.members = {str(member.value): member for member in members}
        named = [member for text, member in self.members.items() if text]
        super().__init__(label, options=lambda: [Choice(str(member.value), name(member)) for member in named], **words)

    def read(self, text: str) -> E | None:
        return self.members.get(text, self.members.get(""))

    def value_shown(self, value: E | None) -> str:
        return "" if value is None else str(value.value)


class IdFilter(Filter):
    """The id of a record; None for any other text."""

    def read(self, text: str) -> int | None:
        return read_id(text)


class _CalendarFilter(Filter):
    """A field of the browser's calendar."""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        """The field. A refused text is shown in a text field, because a browser would show a date field empty."""
        kind: WidgetKind = "text" if errors else self.kind
        return FormField(kind=kind, id=name, label=self.label or "", value=self.value_shown(value), error=" ".join(errors))


class DayFilter(_CalendarFilter):
    """A day, 2027-01-31. Refuses any other text, and the ends of the calendar, where some time zones have no moments."""

    kind: ClassVar[WidgetKind] = "date"

    def read(self, text: str) -> datetime.date | None:
        if not text.strip():
            return None
        try:
            day = parse_date(text.strip())
        except ValueError:  # looks like a date and is none: 2026-02-31
            day = None
        if day is None or not YEARS[0] <= day.year <= YEARS[1]:
            raise forms.ValidationError(_("“%(text)s” is not a day. Give one like 2027-01-31.") % {"text": text[:40]})
        return day


class MomentFilter(_CalendarFilter):
    """A minute, 2027-01-31T09:30, in the account's time zone. Refuses any other text, and the ends of the calendar, like `DayFilter`."""

    kind: ClassVar[WidgetKind] = "moment"

    def read(self, text: str) -> datetime.datetime | None:
        if not text.strip():
            return None
        try:
            moment = parse_datetime(text.strip())
        except ValueError:  # looks like a time and is none
            moment = None
        if moment is None or not YEARS[0] < moment.year < YEARS[1]:
            raise forms.ValidationError(_("“%(text)s” is not a time. Give one like 2027-01-31T09:30.") % {"text": text[:40]})
        return moment.replace(tzinfo=timezone.get_current_timezone(), second=0, microsecond=0)

    def value_shown(self, value: Any) -> str:
        return value.strftime("%Y-%m-%dT%H:%M") if isinstance(value, datetime.datetime) else str(value or "")


class ColumnsFilter(Filter):
    """Columns of a list, in their order; the usual ones if the address names none of them."""

    widget = forms.MultipleHiddenInput

    def __init__(self, columns: Iterable[str], usual: Sequence[str], **words: Any) -> None:
        super().__init__(place="view", **words)
        self.columns, self.usual = tuple(columns), tuple(usual)

    def read(self, text: str) -> tuple[str, ...]:
        return self.usual

    def clean(self, value: Any) -> tuple[str, ...]:
        chosen_names = set(value or ())
        return tuple(name for name in self.columns if name in chosen_names) or self.usual

    def texts(self, value: Sequence[str]) -> Sequence[str]:
        return [] if tuple(value) == self.usual else list(value)


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter that is set, with the address of the list without it."""

    name: str
    value: str
    href: str


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A saved view of the list."""

    id: int
    name: str
    href: str
    current: bool


IN_LINE: Final = 3
"""Filters beside the search where there are more than fit in one line of a wide page; the others are below "More filters"."""
FIT: Final = 4
"""Filters that fit in one line beside the search."""


class ListFilters(Form):
    """The filters of a list. If no row matches, the page shows the title no_match, no_match_text, and the link show_all."""

    button: ClassVar[AnyText] = gettext_lazy("Filter")
    acts_at_once: ClassVar[bool] = True
    """Whether a change of a filter shows the list anew; if not, its button does."""
    of_the_link: ClassVar[Sequence[str]] = ()
    """Filters that only a link to the list sets, such as the instants of a period: a view does not keep them."""
    no_match: ClassVar[AnyText] = gettext_lazy("Nothing matches")
    show_all: ClassVar[AnyText] = gettext_lazy("Show everything")

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.GET)
        self.path = request.path
        self._request = request
        self.full_clean()
        for name in self.errors:  # a refused filter has no value; its text stays in its field
            self.cleaned_data[name] = self._filter(name).read("")

    def add_prefix(self, field_name: str) -> str:
        field = self.fields.get(field_name)
        return (field.param if isinstance(field, Filter) else "") or field_name

    def _filter(self, name: str) -> Filter:
        field = self.fields[name]
        assert isinstance(field, Filter), name
        return field

    def draw_field(self, name: str) -> FormField:
        """One filter with the value that was read, or the text that was refused."""
        errors = [str(error) for error in self.errors.get(name, ())]
        value = self.data.get(self.add_prefix(name), "")[:LONGEST_FILTER] if errors else self.cleaned_data[name]
        return self._filter(name).draw_field(self.add_prefix(name), value, errors)

    @property
    def is_read(self) -> bool:
        """Whether the filters are all that the address says: False if it has a value that a filter cannot read or cuts, several values of one
        filter, or a filter that this list does not have now."""
        return all(self._is_read(name) for name, field in self.base_fields.items() if not isinstance(field, ColumnsFilter))

    def _is_read(self, name: str) -> bool:
        field = self.base_fields[name]
        assert isinstance(field, Filter), name
        texts = {text.strip() for text in self._request.GET.getlist(field.param or name)} - {""}
        return not texts or (name in self.fields and name not in self.errors and {text.strip() for text in self._texts(name)} == texts)

    def refuse_unread(self, list_url: str) -> HttpResponse | None:
        """Leads back to the list, saying that nothing was done, if the address is not read as a whole; None if it is."""
        if self.is_read:
            return None
        say(self._request, _("Nothing was done: a filter in this link cannot be read. Choose the filters again."))
        return HttpResponseRedirect(list_url)

    def offer(self, name: str, options: Iterable[tuple[object, AnyText]]) -> None:
        """The options: (value, label)."""
        self.say(name, options=[Choice(str(value), label) for value, label in options])

    @property
    def no_match_text(self) -> AnyText:
        """The sentence below `no_match`, such as a hint; "" for none."""
        return ""

    @property
    def narrows(self) -> bool:
        """Whether any filter removes rows; one that was refused removes all."""
        return self.refused or any(self._texts(name) for name in self.fields if self._filter(name).place in ("bar", "link"))

    @property
    def refusals(self) -> list[str]:
        """Why filters were refused, a sentence each."""
        return [str(error) for errors in self.errors.values() for error in errors]

    @property
    def search(self) -> FormField | None:
        """The search box of the bar."""
        return next((self.draw_field(name) for name in self.fields if isinstance(self.fields[name], SearchFilter)), None)

    @property
    def others(self) -> list[FormField]:
        """The other filters of the bar."""
        return [
            self.draw_field(name)
            for name in self.fields
            if self._filter(name).place == "bar" and not isinstance(self.fields[name], SearchFilter)
        ]

    @property
    def in_line(self) -> list[FormField]:
        """The filters beside the search."""
        others = self.others
        return others if len(others) <= FIT else others[:IN_LINE]

    @property
    def folded(self) -> list[FormField]:
        """The filters below "More filters"."""
        return self.others[len(self.in_line) :]

    @property
    def folded_set(self) -> int:
        """How many of the filters below "More filters" are set."""
        return sum(bool(field.value) for field in self.folded)

    @property
    def chips(self) -> list[FilterChip]:
        """The filters that are set, besides the search, in the order of the bar."""
        chips = []
        for name, field in self.fields.items():
            filter_field = self._filter(name)
            if isinstance(field, SearchFilter) or filter_field.place not in ("bar", "link") or not self._texts(name):
                continue
            value = str(self.draw_field(name).value)
            words = next((str(option.label) for option in filter_field.current_options if option.value == value), value)
            if filter_field.label and words:
                chips.append(FilterChip(str(filter_field.label), words, _with(self.path, self.query(name))))
        return chips

    @property
    def list_name(self) -> str:
        """The name of the list's URL if its filters can be kept as a view (`accounts.saved_views`); else ""."""
        match = self._request.resolver_match
        name = "/".join((match.url_name or "", *map(str, match.kwargs.values()))) if match else ""
        return name if can_be_kept(name) and isinstance(getattr(self._request, "user", None), User) else ""

    @property
    def view_query(self) -> str:
        """The filters as a view keeps them; "" if none is set."""
        searches = (name for name, field in self.fields.items() if isinstance(field, SearchFilter))
        return query_of(urlencode(self.query(*searches, *self.of_the_link)))

    @cached_property
    def views(self) -> list[ViewLink]:
        """The person's saved views of this list."""
        if not self.list_name:
            return []
        user: User = self._request.user  # type: ignore[assignment]  # list_name has checked it
        current = "" if self.refused or self._is_linked else self.view_query
        rows = views_of(user, self.list_name)
        return [ViewLink(row.pk, row.name, f"{self.path}?{row.query}", row.query == current) for row in rows]

    @property
    def is_whole(self) -> bool:
        """Whether no filter is set that a view keeps."""
        return not self.view_query and not self._is_linked

    @property
    def _is_linked(self) -> bool:
        return any(self._texts(name) for name in self.of_the_link)

    @property
    def may_be_saved(self) -> bool:
        """Whether the filters can be kept as a view, and are not yet."""
        return bool(self.list_name and not self.refused and self.view_query) and not any(view.current for view in self.views)

    @property
    def csrf_token(self) -> str:
        """For the forms of the views."""
        return get_token(self._request)

    @property
    def set_apart(self) -> int:
        """How many filters besides the search are set. A phone shows this number on the closed drawer."""
        apart = (name for name, field in self.fields.items() if not isinstance(field, SearchFilter) and self._filter(name).place == "bar")
        return sum(bool(self._texts(name)) for name in apart)

    @property
    def view_values(self) -> list[tuple[str, str]]:
        """(name, text) of the sorting and the columns, without the usual ones."""
        return self.query(*(name for name in self.fields if self._filter(name).place != "view"))

    @property
    def clear_href(self) -> str:
        """The address of the whole list, shown in the same way."""
        return _with(self.path, self.view_values)

    def query(self, *without: str) -> list[tuple[str, str]]:
        """(name, text) of all filters that are set. without: names of filters to leave out."""
        return [(self.add_prefix(name), text) for name in self.fields if name not in without for text in self._texts(name)]

    def address(self, path: str) -> str:
        """The address of a list with all filters that are set.

        path: the address without them
        """
        return _with(path, self.query())

    def _texts(self, name: str) -> Sequence[str]:
        return self._filter(name).texts(self.cleaned_data[name])


def _with(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs)}" if pairs else path
