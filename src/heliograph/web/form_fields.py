"""The fields of forms: Django's, each of which also says how components/fields.html renders it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

from django import forms
from django.utils.translation import gettext as _

from heliograph.web.shown_fields import AnyText, Choice, FormField

LONGEST_LINE = 1_000
"""Characters of one line, unless the field has its own limit."""
LONGEST_TEXT = 100_000
"""Characters of a multi-line text, unless the field has its own limit."""
FIRST_YEAR, LAST_YEAR = 2000, 2099
"""The first and the last year of a day that a form accepts."""
MOST_CHOSEN = 5_000
"""Most checked boxes of one list that a form accepts."""

type WidgetKind = Literal["text", "password", "date", "moment", "select", "textarea", "chips", "checks", "url"]
"""The kinds of controls that components/fields.html renders."""
type OptionSource = Sequence[Choice] | Callable[[], Sequence[Choice]]


class PageField(forms.Field):
    """A field of a page.

    Django never requires a value: the service refuses an empty one, in one sentence for every interface. `required` is for browsers.

    words: what components/field.html shows besides label, value and error
    """

    kind: ClassVar[WidgetKind]

    def __init__(self, label: AnyText = "", *, required: bool = False, words: Mapping[str, Any] | None = None, **given: Any) -> None:
        super().__init__(required=False, label=label, **given)  # type: ignore[arg-type]  # a lazy text is one
        self.browser_requires = required
        self.words = dict(words or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        field_copy = super().__deepcopy__(memo)
        field_copy.words = dict(self.words)  # what a page says about its field applies only there
        return field_copy

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        """The field as the template renders it, with the stored or the typed value."""
        words = {"label": self.label or "", "required": self.browser_requires, **self.words}
        return FormField(kind=self.kind, id=name, value=self.value_shown(value), error=" ".join(errors), **words)

    def value_shown(self, value: Any) -> str | Sequence[str]:
        """The value as text."""
        return "" if value is None else str(value)


class TextLine(PageField, forms.CharField):
    """A line of text, stripped. words: help, todo, placeholder, optional, autocomplete, inputmode, type, extra."""

    kind: ClassVar[WidgetKind] = "text"

    def __init__(
        self, label: AnyText = "", *, longest: int | None = LONGEST_LINE, required: bool = False, strip: bool = True, **words: Any
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


class TypedLine(TextLine):
    """A line of an editor, as it was typed: cut at its longest, never refused, because a button gives back the whole form."""

    def clean(self, value: Any) -> str:
        """The text as posted."""
        return str(value or "")[: self.max_length]


class TextLines(TextLine):
    """Several lines of text; line breaks are one character, as stored."""

    kind: ClassVar[WidgetKind] = "textarea"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def to_python(self, value: Any) -> Any:
        """Turns line breaks, which browsers send as two characters, into one."""
        return str(super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class TypedLines(TypedLine):
    """Several lines of an editor, as they were typed."""

    kind: ClassVar[WidgetKind] = "textarea"


class DayLine(TextLine):
    """A day, 2027-01-31; None if it is empty."""

    kind: ClassVar[WidgetKind] = "date"

    def to_python(self, value: Any) -> Any:
        """The day; None for an empty text. Raises ValidationError for any other text."""
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
        """Runs no validators: those of a text check its length, which a day does not have."""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        """The field. A text that is not a day is shown in a text field, because a browser would show a date field empty."""
        field = super().draw_field(name, value, errors)
        try:
            self.to_python(value)
        except forms.ValidationError:
            return replace(field, kind="text")
        return field


class UrlLine(TextLine):
    """A URL whose path and query may contain source fields (C2). words: also groups, the fields by group."""

    kind: ClassVar[WidgetKind] = "url"


class SecretLine(TextLine):
    """A secret: the typed value is read, but never written into a page again."""

    kind: ClassVar[WidgetKind] = "password"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, strip=False, **words)

    def value_shown(self, value: Any) -> str:
        return ""


class SecretLines(SecretLine):
    """A secret of several lines."""

    kind: ClassVar[WidgetKind] = "textarea"


class Select(PageField):
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
    def current_options(self) -> Sequence[Choice]:
        """The current options: those that the page set by `Form.say`, or the field's own."""
        options: OptionSource = self.words.get("options", self.options)
        return options() if callable(options) else options

    def to_python(self, value: Any) -> str:
        text = "" if value is None else str(value)
        return text if self.any_value or text in {option.value for option in self.current_options} else ""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        self.words["options"] = self.current_options
        return super().draw_field(name, value, errors)


class Radios(Select):
    """One of several options, all visible."""

    kind: ClassVar[WidgetKind] = "checks"

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        chosen = "" if value is None else str(value)
        rows = [Choice(each.value, each.label, each.value == chosen, each.sub) for each in self.current_options]
        return _boxes(self, name, rows, errors, input="radio")


class Choices(Select):
    """Any number of options; other values are dropped."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        known = {option.value for option in self.current_options}
        return tuple(str(each) for each in (value or ())[:MOST_CHOSEN] if self.any_value or str(each) in known)

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        chosen = {str(each) for each in (value or ())}
        rows = [Choice(each.value, each.label, each.value in chosen, each.sub) for each in self.current_options]
        return _boxes(self, name, rows, errors, input="checkbox")


class Ticks(PageField):
    """Values checked in a list whose rows the page renders itself."""

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:
        return tuple(str(each) for each in (value or ())[:MOST_CHOSEN])


class Box(PageField, forms.BooleanField):
    """A single checkbox.

    sub: an explanation below the label.
    legend: the heading above the box, if that is not the label.
    """

    kind: ClassVar[WidgetKind] = "checks"
    widget = forms.CheckboxInput

    def __init__(self, label: AnyText = "", *, sub: AnyText = "", legend: AnyText = "", initial: bool = False, **words: Any) -> None:
        super().__init__(label, words=words, initial=initial)
        self.sub, self.legend = sub, legend

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        field = _boxes(self, name, [Choice("1", self.label or "", bool(value), self.sub)], errors, input="checkbox")
        return replace(field, label=self.legend or field.label)


class Chips(TextLine):
    """Words separated by semicolons, which static/heliograph/ui.js turns into chips. words: also options, glue."""

    kind: ClassVar[WidgetKind] = "chips"

    def __init__(self, label: AnyText = "", *, longest: int = LONGEST_TEXT, **words: Any) -> None:
        super().__init__(label, longest=longest, **words)

    def value_shown(self, value: Any) -> Sequence[str]:
        return [word.strip() for word in str(value or "").split(";") if word.strip()]


class TypedChips(TypedLine, Chips):
    """Words of an editor, as they were typed."""


def _boxes(field: PageField, name: str, rows: Sequence[Choice], errors: Sequence[str], *, input: Literal["checkbox", "radio"]) -> FormField:
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
