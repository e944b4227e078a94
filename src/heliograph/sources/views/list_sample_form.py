"""The form on which a REST list is described, and what its buttons change: a field is chosen by a click into the sample answer (S3).

The page posts the whole form and the sample with every button; only Save stores the description.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.accounts.languages import translated
from heliograph.domain.ids import read_id, read_number
from heliograph.domain.mapping.json_bodies import BodyError
from heliograph.domain.mapping.paths import ABSENT, Path, PathError, format_path, look_up
from heliograph.domain.sentence_template import with_capital
from heliograph.domain.source.call_body import NoCallBody, read_call_body
from heliograph.domain.source.json_fields import ROOT_LIST, JsonLine, lines_of, parse_field
from heliograph.domain.source.list_guesses import are_times, is_key, list_at, propose, propose_members
from heliograph.domain.source.rest_list import ClockPlace, Paging, RestList
from heliograph.domain.source.source_times import SinceFormat
from heliograph.setup.views.shared_form import SharedForm
from heliograph.sources.trial_read import LONGEST_SAMPLE, SampleAnswer
from heliograph.sources.views.call_mapping_rows import json_line
from heliograph.web.form_fields import Box, Hidden, Radios, Select, TextLine, TextLines, TypedLines
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice

PAGINGS: Final = (
    Choice(Paging.NUMBER.value, gettext_lazy("By page number"), sub=gettext_lazy("page=1, page=2 …")),
    Choice(Paging.OFFSET.value, gettext_lazy("By offset"), sub=gettext_lazy("offset=0, offset=100 …")),
    Choice(Paging.CURSOR.value, gettext_lazy("By a cursor in the answer"), sub=gettext_lazy("It is sent back as the parameter")),
    Choice(Paging.LINK.value, gettext_lazy("By a link in the answer"), sub=gettext_lazy("Or in its Link header")),
    Choice(Paging.ONE.value, gettext_lazy("One page"), sub=gettext_lazy("The answer is the whole list")),
)
OVERLAPS: Final = (
    Choice("60", gettext_lazy("1 minute")),
    Choice("300", gettext_lazy("5 minutes")),
    Choice("3600", gettext_lazy("1 hour")),
    Choice("86400", gettext_lazy("1 day")),
    Choice("93600", gettext_lazy("26 hours")),
)
EVERY: Final = (
    Choice("5", gettext_lazy("5 minutes")),
    Choice("15", gettext_lazy("15 minutes")),
    Choice("60", gettext_lazy("1 hour")),
    Choice("1440", gettext_lazy("1 day")),
)
CLOCKS: Final = (
    Choice(ClockPlace.DATE.value, gettext_lazy("In its Date header")),
    Choice(ClockPlace.PAGE_GENERATED.value, gettext_lazy("In its X-Page-Generated header")),
    Choice(ClockPlace.MEMBER.value, gettext_lazy("In a field of the answer")),
)
FIRST_PAGES: Final = (Choice("1", "1"), Choice("0", "0"))
NUMBERS: Final = ("size", "rate", "overlap", "every", "first_page")
PICKED: Final[Mapping[str, str | Promise]] = {
    "items": gettext_lazy("Items"),
    "key": gettext_lazy("Key"),
    "modified": gettext_lazy("Modified"),
    "deleted": gettext_lazy("Deleted"),
    "active": gettext_lazy("Active"),
    "next": gettext_lazy("Cursor or link"),
    "clock_member": gettext_lazy("Field with the server’s time"),
}
"""The fields that are chosen by a click, in order."""
OF_ITEMS: Final = ("key", "modified", "deleted", "active")
"""Those of them whose path begins at an item."""


class ListForm(SharedForm):
    """How a REST list is asked and read."""

    pairs = (
        ("page_parameter", "first_page"),
        ("size_parameter", "size"),
        ("since_parameter", "since_format"),
        ("overlap", "zone"),
        ("every", "rate"),
    )

    address = TextLine(gettext_lazy("Address of the list"), required=True, autocomplete="off", extra="code")
    connection = Select(
        gettext_lazy("Connection"),
        options=(),
        initial="",
        help=gettext_lazy("Holds the key or sign-in, and must be on the same server. Connections are shared with flows."),
    )
    items = TextLine(
        gettext_lazy("Items"), optional=True, autocomplete="off", help=gettext_lazy("The list. Blank: the answer is the list.")
    )
    key = TextLine(gettext_lazy("Key"), required=True, autocomplete="off", help=gettext_lazy("Never changes for one registration."))
    modified = TextLine(
        gettext_lazy("Modified"), optional=True, autocomplete="off", help=gettext_lazy("A time. Decides which of two versions is newer.")
    )
    deleted = TextLine(
        gettext_lazy("Deleted"), optional=True, autocomplete="off", help=gettext_lazy("Set for an item that was deleted: true, or a time.")
    )
    active = TextLine(gettext_lazy("Active"), optional=True, autocomplete="off", help=gettext_lazy("False for an item that was deleted."))
    paging = Radios(gettext_lazy("How the next page is found"), options=PAGINGS, initial=Paging.NUMBER.value)
    page_parameter = TextLine(gettext_lazy("Parameter"), optional=True, autocomplete="off", initial="page", extra="code")
    first_page = Select(gettext_lazy("Number of the first page"), options=FIRST_PAGES, initial="1")
    next = TextLine(
        gettext_lazy("Cursor or link"),
        optional=True,
        autocomplete="off",
        help=gettext_lazy("Where the answer has it. Blank: the Link header."),
    )
    size_parameter = TextLine(gettext_lazy("Parameter of the size"), optional=True, autocomplete="off", extra="code")
    size = TextLine(gettext_lazy("Items per page"), autocomplete="off", initial="100")
    since_parameter = TextLine(
        gettext_lazy("Parameter of the time"),
        optional=True,
        autocomplete="off",
        extra="code",
        help=gettext_lazy("Often updated_since, modified_since or since. Blank: the whole list is read each time."),
    )
    since_format = Select(
        gettext_lazy("Format"), options=[Choice(each.value, each.value) for each in SinceFormat], initial=SinceFormat.ISO.value
    )
    exclusive = Box(
        gettext_lazy("Items changed at exactly this time are left out"), sub=gettext_lazy("Then it is asked for a moment earlier")
    )
    ordered = Box(gettext_lazy("Sorted by the time of change, the oldest first"))
    overlap = Select(
        gettext_lazy("Overlap"),
        options=OVERLAPS,
        initial="300",
        help=gettext_lazy("Asks for the last minutes again each time, because platforms show a change a little later than they date it."),
    )
    zone = TextLine(
        gettext_lazy("Time zone"),
        autocomplete="off",
        initial="UTC",
        help=gettext_lazy("For times without one, such as Europe/Berlin."),
    )
    query = TextLines(
        gettext_lazy("More parameters"),
        optional=True,
        longest=4_000,
        extra="code",
        help=gettext_lazy("One per line: name=value. {since} in a value stands for the time."),
    )
    every = Select(gettext_lazy("Read every"), options=EVERY, initial="15")
    rate = TextLine(
        gettext_lazy("Requests per minute, at most"),
        autocomplete="off",
        initial="60",
        help=gettext_lazy("Never faster, even with several pages."),
    )
    sweep = Box(
        gettext_lazy("Notice deletions there"),
        sub=gettext_lazy(
            "Compares all keys once a day. Missing twice means inactive here. If more than 10% are missing at once, we ask you first."
        ),
        initial=True,
    )
    item_address = TextLine(
        gettext_lazy("Address of one item"),
        optional=True,
        autocomplete="off",
        extra="code",
        help=gettext_lazy("With {key}. It is asked before a registration becomes inactive because its item was deleted."),
    )
    clock = Select(
        gettext_lazy("The server tells its time"),
        options=CLOCKS,
        initial=ClockPlace.DATE.value,
        help=gettext_lazy("Readings go by its clock, never by ours."),
    )
    clock_member = TextLine(gettext_lazy("Field with the server’s time"), optional=True, autocomplete="off")

    def description(self, stored: dict[str, Any]) -> RestList | None:
        """The description; None if the form is refused. stored: the one before, whose other settings stay"""
        values: dict[str, Any] = dict(self.cleaned_data)
        values["connection"] = read_id(values["connection"])
        values["inclusive"] = not values.pop("exclusive")
        for name in NUMBERS:
            if (number := read_number(str(values[name]))) is None:
                self.add_error(name, _("Type a whole number."))
                return None
            values[name] = number
        try:
            return RestList.from_body(stored | values | {"query": query_pairs(values["query"])})
        except BodyError as error:
            place = {"since": "since_parameter", "clock": "clock_member"}.get(error.where, error.where.split("[")[0])
            self.add_error(place if place in self.fields else None, translated(with_capital(error.reason)))
            return None

    def tick(self, name: str) -> None:
        """Ticks a box of the posted form, for the page that is shown next."""
        assert isinstance(self.data, QueryDict)
        data = self.data.copy()
        data[name] = "1"
        self.data = data

    def keep_quiet(self) -> None:
        """Drops all errors but those about what somebody else saved in the meantime: a button that saves nothing refuses nothing."""
        for name in set(self.errors) - set(self.met):
            del self.errors[name]


def posted_copy(form: Form) -> QueryDict:
    """What was posted, for buttons to change; empty if nothing was."""
    return form.data.copy() if isinstance(form.data, QueryDict) else QueryDict(mutable=True)


class ListButtons(Form):
    """The buttons beside the form, and the sample answer."""

    do = Hidden()
    """save, next, fetch, sample, test, or "choose " and a field."""
    pick = Hidden()
    """The path of the line that was clicked."""
    picking = Hidden()
    """The field that the next click fills."""
    sample = TypedLines(longest=LONGEST_SAMPLE)


@dataclass
class ListEditing:
    """The page between two requests: what was typed, the sample, and which field is being chosen."""

    typed: QueryDict
    """The fields as they were typed, and as buttons changed them."""
    sample: str = ""
    picking: str = ""
    says: str = ""
    """What the sample is, in words."""
    errors: list[str] = field(default_factory=list)

    @property
    def value(self) -> object:
        """The sample as decoded JSON; None without one."""
        try:
            return read_call_body(self.sample.encode("utf-8", "replace")) if self.sample.strip() else None
        except NoCallBody:
            return None

    @property
    def first_request(self) -> dict[str, object]:
        """How the first page is asked for, as far as it was typed, as members of a description."""
        numbers = {name: number for name in ("first_page", "size") if (number := read_number(self._text(name))) is not None}
        texts = {name: self._text(name) for name in ("address", "paging", "page_parameter", "size_parameter")}
        return {**texts, **numbers, "connection": read_id(self._text("connection")), "query": query_pairs(self._text("query"))}

    def take_fetched(self, sample: SampleAnswer) -> None:
        """Shows an answer that was fetched, and fills in what it proposes."""
        if sample.value is None:
            self.errors.append(_("Its items are too large to be shown here. Type the fields, and test it."))
            return
        self.sample = json.dumps(sample.value, ensure_ascii=False, indent=1).encode("utf-8", "replace").decode()
        self.says = ngettext("Just fetched: %(n)d item", "Just fetched: %(n)d items", sample.items) % {"n": sample.items}
        self.take_proposals(sample.value, sample.headers)

    def take_pasted(self) -> None:
        """Fills in what a pasted answer proposes."""
        try:
            value = read_call_body(self.sample.encode("utf-8", "replace"))
        except NoCallBody as error:
            self.errors.append(translated(error))
            return
        self.take_proposals(value, ())

    def take_proposals(self, value: object, headers: tuple[tuple[str, str], ...]) -> None:
        """Fills in what an answer proposes: everything while no key is chosen, later only what is blank or leads nowhere."""
        proposed = propose(value, headers, self._text("address"))
        if not proposed:
            self.errors.append(_("There is no list of objects in this answer. Is it the address of a list?"))
            return
        if not self._text("key"):
            self._fill(proposed)
        else:
            if not list_at(value, self._text("items")):
                self._fill({"items": proposed["items"]})
            items = list_at(value, self._text("items"))
            self._fill(
                {name: proposed[name] for name in ("modified", "deleted", "active") if name in proposed and not self._leads(name, items)}
            )
        self._next_picking()

    def click(self, path: str) -> None:
        """Puts the clicked line into the field that is being chosen. A click on the list that has the items proposes their members anew."""
        name = self.picking if self.picking in PICKED else "items"
        try:
            steps = parse_field(path)
        except PathError:
            return
        inside = self._items_path
        if name == "items":
            self.typed["items"] = "" if path == ROOT_LIST else path
            self._fill({"key": "", "modified": "", "deleted": "", "active": ""} | propose_members(list_at(self.value, self._text("items"))))
        elif name not in OF_ITEMS:
            self.typed[name] = path
        elif steps[: len(inside)] == inside and len(steps) > len(inside):
            self.typed[name] = format_path(steps[len(inside) :])
        else:
            self.errors.append(_("Click a field of an item: one within the list."))
            return
        self._next_picking(after=name)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of the sample, each with what it is. Those that can be chosen are buttons."""
        value = self.value
        if value is None:
            return []
        goes = self._goes()
        return [
            json_line(self._pickable(line), goes=str(goes.get(self._steps(line), "")), on=self._is_chosen(line, goes))
            for line in lines_of(value)
        ]

    def help_of(self, name: str) -> str:
        """What the sample says about a chosen field; "" if it says nothing."""
        value = self.value
        if value is None:
            return ""
        items = list_at(value, self._text("items"))
        if name == "items":
            return ngettext("%(n)d entry in the sample.", "%(n)d entries in the sample.", len(items)) % {"n": len(items)}
        text = self._text(name)
        values = [look_up(item, steps) for item in items] if items and (steps := _path(text)) else []
        if name == "key" and values:
            return (
                _("Never changes for one registration. All %(n)d differ.") % {"n": len(items)}
                if is_key(values, len(items))
                else _("Not all entries of the sample have one of their own.")
            )
        if name == "modified" and values:
            return _("A time. Decides which of two versions is newer.") if are_times(values) else _("Not all of these are times.")
        return ""

    # --- fields

    def _text(self, name: str) -> str:
        """What was typed into a field, stripped."""
        return str(self.typed.get(name, "")).strip()

    @property
    def _items_path(self) -> Path:
        return _path(self._text("items")) or ()

    def _fill(self, proposed: Mapping[str, Any]) -> None:
        for name, value in proposed.items():
            if name in ListForm.base_fields:
                self.typed[name] = str(value)

    def _leads(self, name: str, items: list[object]) -> bool:
        """Whether the path of a field leads somewhere in the items."""
        steps = _path(self._text(name))
        return steps is not None and any(look_up(item, steps) is not ABSENT for item in items)

    def _next_picking(self, after: str = "") -> None:
        """The next field to choose: the first required one that is blank, else the one that was just chosen."""
        names = ["key", "modified"]
        if self.typed.get("paging") == Paging.CURSOR:
            names.append("next")
        self.picking = next((name for name in names if not self._text(name)), after or "items")

    # --- lines

    def _pickable(self, line: JsonLine) -> JsonLine:
        """The line, with a path only if a click on it fills the field that is being chosen."""
        path = line.list_path if self.picking in ("", "items") else line.path
        return JsonLine(line.level, line.kind, line.name, line.text, path, line.others)

    def _steps(self, line: JsonLine) -> Path | None:
        text = line.list_path or line.path
        return parse_field(text) if text else None

    def _goes(self) -> dict[Path | None, str | Promise]:
        goes: dict[Path | None, str | Promise] = {}
        inside = self._items_path
        for name, label in reversed(list(PICKED.items())):
            text = self._text(name)
            steps = _path(text)
            if name == "items" and self._text("key"):
                goes[inside] = label
            elif steps:
                goes[(*inside, *steps) if name in OF_ITEMS else steps] = label
        return goes

    def _is_chosen(self, line: JsonLine, goes: Mapping[Path | None, str | Promise]) -> bool:
        return self.picking in PICKED and (steps := self._steps(line)) is not None and goes.get(steps) == PICKED[self.picking]


def query_pairs(text: str) -> list[list[str]]:
    """The parameters of lines "name=value"."""
    return [[name.strip(), value.strip()] for name, _equals, value in (line.partition("=") for line in text.splitlines()) if name.strip()]


def stored_fields(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the form for a description as it is stored; empty without one."""
    fields = {
        name: "" if value is None else str(value) if name in NUMBERS or name == "connection" else value for name, value in stored.items()
    }
    if stored:
        fields["exclusive"] = not fields.pop("inclusive")
        fields["query"] = "\n".join(f"{name}={value}" for name, value in stored["query"])
    return fields


def _path(text: str) -> Path | None:
    """The steps of a field's text; None for one that is no path."""
    try:
        return parse_field(text) if text else None
    except PathError:
        return None
