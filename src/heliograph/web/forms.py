"""Forms of pages: Django's forms, drawn by components/fields.html (docs/design/pages.md).

A form reads a post, bounds every text and says what of it is no text, number or option at all. Whether the values make sense is the services'
business, for pages, REST and commands alike: their `Invalid` becomes errors of the form by `Form.refuse`. A refused form shows what was typed.

    class TagForm(Form):
        name = TextLine(gettext_lazy("Name"), required=True)
        kinds = Choices(gettext_lazy("For"), options=kinds_of_objects)

    form = TagForm(posted(request), initial=...)
    page(request, "setup/form.html", fields=form.shown(), told=form.told())
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Literal, Protocol

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.web.fields import AnyText, Choice, FormField, Pair

LONGEST_LINE = 1_000
"""Characters of one line, where a field has no bound of its own."""
LONGEST_TEXT = 100_000
"""Characters of several lines, where a field has no bound of its own."""
MOST_CHOSEN = 5_000
"""Boxes of one list that a form takes."""

type WidgetKind = Literal["text", "password", "date", "select", "textarea", "chips", "checks", "url"]
"""What components/fields.html draws."""
type OptionSource = Sequence[Choice] | Callable[[], Sequence[Choice]]


class Refusal(Protocol):
    """What a service refuses a form with: sentences by field, "" for the whole (setup.errors.Invalid)."""

    @property
    def fields(self) -> Mapping[str, Sequence[str]]:
        """Sentences by field."""


class _Shown(forms.Field):
    """A field of a page. words: what components/field.html shows of it beside label, value and error.

    Django never demands a value: what must not be empty is refused by the service, in one sentence for every way in. `required` is for browsers.
    """

    kind: ClassVar[WidgetKind]

    def __init__(self, label: AnyText = "", *, required: bool = False, words: Mapping[str, Any] | None = None, **given: Any) -> None:
        super().__init__(required=False, label=label, **given)  # type: ignore[arg-type]  # a lazy text is one
        self.browser_requires = required
        self.words = dict(words or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = super().__deepcopy__(memo)
        found.words = dict(self.words)  # what one page says of its field is said there alone
        return found

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        """As the template draws it, with the value that is stored or was typed."""
        words = {"required": self.browser_requires, **self.words}
        return FormField(kind=self.kind, id=name, label=self.label or "", value=self.value_shown(value), error=" ".join(errors), **words)

    def value_shown(self, value: Any) -> str | Sequence[str]:
        """The value's text."""
        return "" if value is None else str(value)


class TextLine(_Shown, forms.CharField):
    """A line of text, without spaces at its ends. words: help, todo, placeholder, optional, autocomplete, inputmode, type, extra."""

    kind: ClassVar[WidgetKind] = "text"

    def __init__(
        self, label: AnyText = "", *, longest: int = LONGEST_LINE, required: bool = False, strip: bool = True, **words: Any
    ) -> None:
        initial = words.pop("initial", None)
        super().__init__(label, required=required, words=words, max_length=longest, strip=strip, initial=initial)


class Hidden(TextLine):
    """A button, or a value that the page itself posts: it is not drawn, and one that no page posts is ""."""

    def __init__(self, *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(longest=longest, **words)

    def clean(self, value: Any) -> str:
        """The text."""
        try:
            return str(super().clean(value))
        except forms.ValidationError:
            return ""


class TextLines(TextLine):
    """Several lines of text; line breaks are one character, as they are stored."""

    kind: ClassVar[WidgetKind] = "textarea"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def to_python(self, value: Any) -> Any:
        """With line breaks as one character: browsers send them as two."""
        return str(super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class UrlLine(TextLine):
    """A URL whose path and query may hold source fields (C2). words: also groups, the fields by their groups."""

    kind: ClassVar[WidgetKind] = "url"


class SecretLine(TextLine):
    """A secret: what was typed is read, and never written into a page again."""

    kind: ClassVar[WidgetKind] = "password"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, strip=False, **words)

    def value_shown(self, value: Any) -> str:
        return ""


class Select(_Shown):
    """One of some options; a value that is none of them is "". words: placeholder is the option of no value.

    any_value: one that is none of them stays, for the service to refuse it.
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
        """The options as they are now: what the page said of them (`Form.say`), or the field's own."""
        options: OptionSource = self.words.get("options", self.options)
        return options() if callable(options) else options

    def to_python(self, value: Any) -> str:
        text = "" if value is None else str(value)
        return text if self.any_value or text in {option.value for option in self.found} else ""

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        self.words["options"] = self.found
        return super().drawn(name, value, errors)


class Radios(Select):
    """One of some options, all of them in sight."""

    kind: ClassVar[WidgetKind] = "checks"

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        chosen = "" if value is None else str(value)
        rows = [Choice(each.value, each.label, each.value == chosen, each.sub) for each in self.found]
        return _boxes(self, name, rows, errors, input="radio")


class Choices(Select):
    """Any of some options; those that are none of them are left out."""

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
    """Values that are ticked in a list whose rows the page draws itself."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:
        return tuple(str(each) for each in (value or ())[:MOST_CHOSEN])


class Box(_Shown, forms.BooleanField):
    """One box, ticked or not. sub: what it means, below its words."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.CheckboxInput

    def __init__(self, label: AnyText = "", *, sub: AnyText = "", initial: bool = False, **words: Any) -> None:
        super().__init__(label, words=words, initial=initial)
        self.sub = sub

    def drawn(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        return _boxes(self, name, [Choice("1", self.label or "", bool(value), self.sub)], errors, input="checkbox")


class Chips(TextLine):
    """Words that are separated by semicolons, as static/heliograph/ui.js makes chips of them. words: also options, glue."""

    kind: ClassVar[WidgetKind] = "chips"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def value_shown(self, value: Any) -> Sequence[str]:
        return [word.strip() for word in str(value or "").split(";") if word.strip()]


class Form(forms.Form):
    """The form of a page. `pairs` names fields that stand beside each other, in the place of the first."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{"auto_id": "%s", **given})

    def say(self, name: str, **words: Any) -> None:
        """Says something about a field on this page only: help, placeholder, options ..."""
        self.field(name).words |= words

    def field(self, name: str) -> _Shown:
        """A field, as one that can be drawn."""
        field = self.fields[name]
        assert isinstance(field, _Shown), name
        return field

    def drawn(self, name: str) -> FormField:
        """One field."""
        field, bound = self.field(name), self[name]
        return field.drawn(self.add_prefix(name), bound.value(), [str(error) for error in bound.errors])

    def shown(self, *names: str) -> list[FormField | Pair]:
        """These fields, by default all that are drawn, for components/fields.html."""
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
        """What was posted, as its fields read it, without those that are refused; nothing where nothing was posted."""
        self.is_valid()  # reads it
        return self.cleaned_data if self.is_bound else {}

    def refuse(self, error: Refusal, *, names: Mapping[str, str] | None = None) -> None:
        """Takes a service's sentences as errors. names: the form's field by the service's, where they differ ("" is the whole)."""
        for name, sentences in error.fields.items():
            field = (names or {}).get(name, name)
            for sentence in sentences:
                self.add_error(field if field in self.fields else None, _(sentence))

    @property
    def refused(self) -> bool:
        """Whether it was posted and is not in order."""
        return self.is_bound and bool(self.errors)

    @property
    def status(self) -> int:
        """Of the page that shows it."""
        return 422 if self.refused else 200

    def told(self) -> dict[str, Any] | None:
        """The callout above a form that was refused (components/callout.html); None for any other."""
        if not self.refused:
            return None
        return not_saved([str(said) for said in self.non_field_errors()])


class RowForm(Form):
    """One row of many in a form: its fields are posted as name-row (tags-7), not row-name."""

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
    """A form for each row, by the row's id; bound where something was posted.

    rows: their ids, or what each shows at first by its id. marked: a field that every posted row has; a row without it is not bound.
    given: for each of them.
    """
    initial = rows if isinstance(rows, Mapping) else {}
    found = {}
    for row in rows:
        there = data is not None and (not marked or f"{marked}-{row}" in data)
        found[row] = kind(data if there else None, prefix=str(row), initial=initial.get(row), **given)
    return found


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is made of: what was posted, None for a page that is only looked at."""
    return request.POST if request.method == "POST" else None


class _Pressed(Form):
    do = Hidden()


def pressed(request: HttpRequest) -> str:
    """The value of the button that was pressed, or of the form that was posted, where a page has several; they are called `do`."""
    form = _Pressed(posted(request))
    return str(form.cleaned_data["do"]) if form.is_valid() else ""


def member_of[E: Enum, D](kind: type[E], text: str | None, otherwise: D) -> E | D:
    """The member of an enumeration that was posted or asked for by its value."""
    try:
        return kind(text)
    except ValueError:
        return otherwise


def not_saved(items: Sequence[str] = ()) -> dict[str, Any]:
    """The callout above what was refused. items: what belongs to no field."""
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
