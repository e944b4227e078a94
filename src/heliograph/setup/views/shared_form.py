"""Forms that several people can have open at once: nobody overwrites another person's save without a warning (P14).

The page posts back the values that it showed (`opened`). A field that this person did not change takes the value that is stored now. A field
that both people changed is refused once, with the stored value. The page then counts that value as seen, so saving again replaces it. All
typed text stays in the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import QueryDict
from django.utils.translation import gettext as _

from heliograph.setup.form_values import Texts, one, plain, shown_then, written
from heliograph.web.form_fields import Box, Chips, Choices, Hidden, SecretLine, Select, TextLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import FormField, Pair
from heliograph.web.texts import LONGEST_OPENED


class SharedForm(Form):
    """A form of a stored or a new object."""

    one_time_boxes: ClassVar[frozenset[str]] = frozenset()
    """The checkboxes that trigger something once and are not stored."""

    opened = Hidden(longest=LONGEST_OPENED)

    def __init__(self, *args: Any, stored: Mapping[str, Any] | None = None, **given: Any) -> None:
        """stored: the current value of each field; None for a new object."""
        super().__init__(*args, **(given if stored is None else {**given, "initial": stored}))
        self.is_shared = stored is not None
        self._merged = False
        self.met: dict[str, Texts] = {}

    def full_clean(self) -> None:
        """Puts the stored values into the fields that this person did not change, before any field is read."""
        if self.is_shared and self.is_bound and not self._merged:
            self._merged = True
            self._merge()
        super().full_clean()

    def clean(self) -> dict[str, Any]:
        """Adds an error to each field that both people changed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, theirs in self.met.items():
            self.add_error(name, self.said_of(name, theirs))
        return cleaned

    @property
    def shown_now(self) -> dict[str, Texts]:
        """The current values by field, as the page that is rendered now shows them."""
        return {name: self._stored(name) for name in self.fields if self._is_compared(name)}

    def draw_fields(self, *names: str) -> list[FormField | Pair]:
        """The fields, and if all are drawn also the hidden one."""
        fields = super().draw_fields(*names)
        return [*fields, self.opened_field] if self.is_shared and not names else fields

    @property
    def opened_field(self) -> FormField:
        """The hidden field with the values that the page shows, which the browser posts back."""
        return FormField(kind="hidden", id=self.add_prefix("opened"), label="", value=written(self.shown_now) if self.is_shared else "")

    def said_of(self, name: str, theirs: Texts) -> str:
        """The current value of a field, in words."""
        field, texts = self.fields[name], list(theirs)
        if isinstance(field, Select):
            labels = {option.value: str(option.label) for option in field.current_options}
            texts = [labels.get(text, text) for text in texts]
        elif isinstance(field, Box):
            texts = [_("selected") if texts else _("not selected")]
        return said_of_theirs(", ".join(texts))

    def _is_compared(self, name: str) -> bool:
        return not isinstance(self.fields[name], (Hidden, SecretLine)) and name not in self.one_time_boxes

    def _stored(self, name: str) -> Texts:
        field = self.field(name)
        value = self.get_initial_for_field(field, name)
        if isinstance(field, (Box, Choices)):
            return _texts(field, value)
        return _texts(field, field.value_shown(value))

    def _merge(self) -> None:
        assert isinstance(self.data, QueryDict)
        data = self.data.copy()
        then = shown_then(data.get(self.add_prefix("opened"), ""))
        for name in filter(self._is_compared, self.fields):
            field, key = self.field(name), self.add_prefix(name)
            if name not in then or (key not in data and not isinstance(field, (Box, Choices))):
                continue
            posted = _texts(field, field.widget.value_from_datadict(data, self.files, key))
            was, now = then[name], self._stored(name)
            if now in (was, posted):
                continue
            if posted == was:
                _put(data, key, field, now)
            else:
                self.met[name] = now
        self.data = data


def said_of_theirs(value_text: str) -> str:
    """A sentence with the current value of a field."""
    message = _("Somebody made this “%(value)s” while you had it open. Save again to replace it with yours.")
    return message % {"value": f"{value_text[:200]}…" if len(value_text) > 200 else value_text or _("empty")}


def _texts(field: Any, value: Any) -> Texts:
    """A value as comparable texts: lists are sorted, and what browsers change is normalized."""
    if isinstance(field, Box):
        return ("1",) if value else ()
    if isinstance(field, Choices):
        return tuple(sorted(str(each) for each in value or ()))
    if isinstance(field, Chips):
        words = value.split(";") if isinstance(value, str) else value or ()
        return tuple(sorted(text for word in words if (text := str(word).strip())))
    text = plain("" if value is None else str(value))
    return one(text.strip() if not isinstance(field, TextLine) or field.strip else text)


def _put(data: QueryDict, key: str, field: Any, texts: Texts) -> None:
    """Puts into the data what the field would post for these values."""
    if isinstance(field, (Box, Choices)):
        data.setlist(key, list(texts))
        if not texts:
            del data[key]
    else:
        data[key] = "; ".join(texts) if isinstance(field, Chips) else next(iter(texts), "")
