"""Forms of pages: Django's forms, rendered by components/fields.html (docs/design/pages.md).

A form reads a post, bounds every text, and refuses values that are not a text, a number or an option at all. Whether values make sense is
decided by the services, for pages and commands alike; `Form.refuse` turns their `Invalid` into form errors. A refused form shows what was
typed.

    class TagForm(Form):
        name = TextLine(gettext_lazy("Name"), required=True)
        kinds = Choices(gettext_lazy("For"), options=kinds_of_objects)

    form = TagForm(posted(request), initial=...)
    page(request, "setup/form.html", fields=form.shown(), told=form.told())
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.kept_form import AGAIN
from heliograph.web.fields import AnyText, Choice, FormField, Pair

LONGEST_LINE = 1_000
"""Characters of one line, unless the field has its own limit."""
LONGEST_TEXT = 100_000
"""Characters of a multi-line text, unless the field has its own limit."""
FIRST_YEAR, LAST_YEAR = 2000, 2099
"""Of a day that a form takes."""
MOST_CHOSEN = 5_000
"""Most checked boxes of one list that a form accepts."""

type WidgetKind = Literal["text", "password", "date", "select", "textarea", "chips", "checks", "url"]
"""The kinds of controls that components/fields.html renders."""
type OptionSource = Sequence[Choice] | Callable[[], Sequence[Choice]]


class Refusal(Protocol):
    """A service's refusal of a form: sentences by field, "" for the whole form (setup.errors.Invalid)."""

    @property
    def fields(self) -> Mapping[str, Sequence[str]]:
        """Sentences by field."""


class _Shown(forms.Field):
    """A field of a page. words: what components/field.html shows besides label, value and error.

    Django never requires a value: the service refuses an empty one, in one sentence for every interface. `required` is for browsers.
    """

    kind: ClassVar[WidgetKind]

    def __init__(self, label: AnyText = "", *, required: bool = False, words: Mapping[str, Any] | None = None, **given: Any) -> None:
        super().__init__(required=False, label=label, **given)  # type: ignore[arg-type]  # a lazy text is one
        self.browser_requires = required
        self.words = dict(words or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = super().__deepcopy__(memo)
        found.words = dict(self.words)  # what a page says about its field applies only there
        return found

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        """The field as the template renders it, with the stored or the typed value."""
        words = {"required": self.browser_requires, **self.words}
        return FormField(kind=self.kind, id=name, label=self.label or "", value=self.value_shown(value), error=" ".join(errors), **words)

    def value_shown(self, value: Any) -> str | Sequence[str]:
        """The value as text."""
        return "" if value is None else str(value)


class TextLine(_Shown, forms.CharField):
    """A line of text, stripped. words: help, todo, placeholder, optional, autocomplete, inputmode, type, extra."""

    kind: ClassVar[WidgetKind] = "text"

    def __init__(
        self, label: AnyText = "", *, longest: int = LONGEST_LINE, required: bool = False, strip: bool = True, **words: Any
    ) -> None:
        initial = words.pop("initial", None)
        super().__init__(label, required=required, words=words, max_length=longest, strip=strip, initial=initial)


class Hidden(TextLine):
    """A button, or a value that the page posts itself: it is not rendered, and "" if it is not posted."""

    def __init__(self, *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(longest=longest, **words)

    def clean(self, value: Any) -> str:
        """The text as posted; "" if it is not acceptable."""
        try:
            return str(super().clean(value))
        except forms.ValidationError:
            return ""


class TextLines(TextLine):
    """Several lines of text; line breaks are one character, as stored."""

    kind: ClassVar[WidgetKind] = "textarea"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def to_python(self, value: Any) -> Any:
        """Turns line breaks, which browsers send as two characters, into one."""
        return str(super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class DayLine(TextLine):
    """A day, 2027-01-31; None if it is empty."""

    kind: ClassVar[WidgetKind] = "date"

    def to_python(self, value: Any) -> Any:
        """The day. Raises ValidationError for what is none."""
        text = str(super().to_python(value) or "")
        if not text:
            return None
        try:
            day = datetime.date.fromisoformat(text)
        except ValueError:
            day = None
        if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise forms.ValidationError(_("Give a day, such as 2027-01-31."))
        return day

    def run_validators(self, value: Any) -> None:
        """Nothing more: a day has no length."""


class UrlLine(TextLine):
    """A URL whose path and query may contain source fields (C2). words: also groups, the fields by group."""

    kind: ClassVar[WidgetKind] = "url"


class SecretLine(TextLine):
    """A secret: what was typed is read, but never written into a page again."""

    kind: ClassVar[WidgetKind] = "password"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, strip=False, **words)

    def value_shown(self, value: Any) -> str:
        return ""


class Select(_Shown):
    """One of several options; "" for any other value. words: placeholder is the option without a value.

    any_value: keeps any other value, for the service to refuse.
    """

    kind: ClassVar[WidgetKind] = "select"

    def __init__(
        self,
        label: AnyText = "",
        *,
        options: OptionSource = (),
        required: bool = False,
        initial: Any = None,
        any_value: bool = False,
        **words: Any,
    ) -> None:
        super().__init__(label, required=required, words=words, initial=initial)
        self.options, self.any_value = options, any_value

    @property
    def found(self) -> Sequence[Choice]:
        """The current options: those that the page set by `Form.say`, or the field's own."""
        options: OptionSource = self.words.get("options", self.options)
        return options() if callable(options) else options

    def to_python(self, value: Any) -> str:
        text = "" if value is None else str(value)
        return text if self.any_value or text in {option.value for option in self.found} else ""

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        self.words["options"] = self.found
        return super().drawn(name, value, errors)


class Radios(Select):
    """One of several options, all visible."""

    kind: ClassVar[WidgetKind] = "checks"

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        chosen = "" if value is None else str(value)
        rows = [Choice(each.value, each.label, each.value == chosen, each.sub) for each in self.found]
        return _boxes(self, name, rows, errors, input="radio")


class Choices(Select):
    """Any number of options; other values are dropped."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        known = {option.value for option in self.found}
        return tuple(str(each) for each in (value or ())[:MOST_CHOSEN] if self.any_value or str(each) in known)

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        chosen = {str(each) for each in (value or ())}
        rows = [Choice(each.value, each.label, each.value in chosen, each.sub) for each in self.found]
        return _boxes(self, name, rows, errors, input="checkbox")


class Ticks(_Shown):
    """Values checked in a list whose rows the page renders itself."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:
        return tuple(str(each) for each in (value or ())[:MOST_CHOSEN])


class Box(_Shown, forms.BooleanField):
    """A single checkbox. sub: an explanation below its label."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.CheckboxInput

    def __init__(self, label: AnyText = "", *, sub: AnyText = "", initial: bool = False, **words: Any) -> None:
        super().__init__(label, words=words, initial=initial)
        self.sub = sub

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        return _boxes(self, name, [Choice("1", self.label or "", bool(value), self.sub)], errors, input="checkbox")


class Chips(TextLine):
    """Words separated by semicolons, which static/heliograph/ui.js turns into chips. words: also options, glue."""

    kind: ClassVar[WidgetKind] = "chips"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def value_shown(self, value: Any) -> Sequence[str]:
        return [word.strip() for word in str(value or "").split(";") if word.strip()]


class Form(forms.Form):
    """The form of a page. `pairs` names fields shown side by side, in place of the first."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{"auto_id": "%s", **given})

    def full_clean(self) -> None:
        """Refuses a form that waited for its author to sign in again: it is shown first (accounts/kept_form.py)."""
        super().full_clean()
        if self.is_bound and AGAIN in self.data:
            self.add_error(None, _("It has waited until you signed in again."))

    def say(self, name: str, **words: Any) -> None:
        """Sets words of a field for this page only: help, placeholder, options ..."""
        self.field(name).words |= words

    def field(self, name: str) -> _Shown:
        """A field that can be rendered."""
        field = self.fields[name]
        assert isinstance(field, _Shown), name
        return field

    def drawn(self, name: str) -> FormField:
        """One field, ready for the template."""
        field, bound = self.field(name), self[name]
        return field.drawn(self.add_prefix(name), bound.value(), [str(error) for error in bound.errors])

    def shown(self, *names: str) -> list[FormField | Pair]:
        """These fields, by default all visible ones, for components/fields.html."""
        wanted = names or tuple(name for name, field in self.fields.items() if not isinstance(field, Hidden))
        second = {two: one for one, two in self.pairs if one in wanted and two in wanted}
        first = {one: two for two, one in second.items()}
        return [
            Pair((self.drawn(name), self.drawn(first[name]))) if name in first else self.drawn(name)
            for name in wanted
            if name not in second
        ]

    @property
    def posted(self) -> dict[str, Any]:
        """The posted values as the fields read them, without refused ones; empty if nothing was posted."""
        self.is_valid()  # runs the validation
        return self.cleaned_data if self.is_bound else {}

    def refuse(self, error: Refusal, *, names: Mapping[str, str] | None = None) -> None:
        """Adds a service's sentences as errors. names: the form's field by the service's, where they differ ("" is the whole form)."""
        for name, sentences in error.fields.items():
            field = (names or {}).get(name, name)
            for sentence in sentences:
                self.add_error(field if field in self.fields else None, _(sentence))

    @property
    def refused(self) -> bool:
        """True if it was posted and has errors."""
        return self.is_bound and bool(self.errors)

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it."""
        return 422 if self.refused else 200

    def told(self) -> dict[str, Any] | None:
        """The callout above a refused form (components/callout.html); None for any other."""
        if not self.refused:
            return None
        return not_saved([str(said) for said in self.non_field_errors()])


class RowForm(Form):
    """One of many rows in a form: its fields are posted as name-row (tags-7), not row-name."""

    def add_prefix(self, field_name: str) -> str:
        return f"{field_name}-{self.prefix}" if self.prefix else field_name


def rows_of[Row: RowForm](
    kind: type[Row],
    rows: Iterable[object] | Mapping[Any, Mapping[str, Any]],
    data: MultiValueDict[str, Any] | None,
    *,
    marked: str = "",
    **given: Any,
) -> dict[Any, Row]:
    """A form for each row, by the row's id; bound if something was posted.

    rows: their ids, or each row's initial values by id. marked: a field that every posted row has; a row without it is not bound. given:
    keyword arguments for each form.
    """
    initial = rows if isinstance(rows, Mapping) else {}
    found = {}
    for row in rows:
        there = data is not None and (not marked or f"{marked}-{row}" in data)
        found[row] = kind(data if there else None, prefix=str(row), initial=initial.get(row), **given)
    return found


def posted(request: HttpRequest) -> QueryDict | None:
    """The data for a form: what was posted, or None for a GET."""
    return request.POST if request.method == "POST" else None


class _Pressed(Form):
    do = Hidden()


def pressed(request: HttpRequest) -> str:
    """The value of the pressed button, or of the posted form, on a page with several; they are named `do`."""
    form = _Pressed(posted(request))
    return str(form.cleaned_data["do"]) if form.is_valid() else ""


def member_of[E: Enum, D](kind: type[E], text: str | None, otherwise: D) -> E | D:
    """The member of an enumeration that was posted or asked for by its value."""
    try:
        return kind(text)
    except ValueError:
        return otherwise


def not_saved(items: Sequence[str] = ()) -> dict[str, Any]:
    """The callout above a refused form. items: sentences that belong to no field."""
    return {"tone": "failed", "title": _("Not saved"), "text": _("What you wrote is still here."), "items": list(items)}


def refused_count(n: int) -> str:
    """ "2 fields were refused; nothing was saved"."""
    return ngettext("%(n)d field was refused; nothing was saved", "%(n)d fields were refused; nothing was saved", n) % {"n": n}


def _boxes(field: _Shown, name: str, rows: Sequence[Choice], errors: Sequence[str], *, input: Literal["checkbox", "radio"]) -> FormField:
    words = {key: word for key, word in field.words.items() if key != "options"}
    return FormField(
        kind="checks",
        id=name,
        label=field.label or "",
        options=rows,
        error=" ".join(errors),
        input=input,
        required=field.browser_requires,
        **words,
    )
