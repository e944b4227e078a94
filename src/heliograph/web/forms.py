"""Forms of pages: Django's forms, rendered by components/fields.html (docs/design/pages.md).

A form reads a post, bounds every text, and refuses values that are not a text, a number or an option at all. Whether values make sense is
decided by the services, for pages and commands alike; `Form.refuse` turns their `Invalid` into form errors. A refused form shows what was
typed.

    class TagForm(Form):
        name = TextLine(gettext_lazy("Name"), required=True)
        kinds = Choices(gettext_lazy("For"), options=kinds_of_objects)

    form = TagForm(posted(request), initial=...)
    page(request, "setup/form.html", fields=form.draw_fields(), told=form.draw_callout())
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Protocol

from django import forms
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.kept_form import AGAIN
from heliograph.accounts.languages import translated
from heliograph.web.form_fields import Hidden, PageField
from heliograph.web.shown_fields import FormField, Pair


class Refusal(Protocol):
    """A service's refusal of a form: sentences by field, "" for the whole form (setup.setup_errors.Invalid)."""

    @property
    def fields(self) -> Mapping[str, Sequence[str]]:
        """Sentences by field."""


class Form(forms.Form):
    """The form of a page. `pairs` names fields shown side by side, in place of the first."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = ()

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **{"auto_id": "%s", **given})

    def full_clean(self) -> None:
        """Refuses a form that waited for its author to sign in again: it is shown first (accounts/kept_form.py)."""
        super().full_clean()
        if self.is_bound and AGAIN in self.data:
            self.add_error(None, _("It was kept until you signed in again."))

    def say(self, name: str, **words: Any) -> None:
        """Sets words of a field for this page only: help, placeholder, options ..."""
        self.field(name).words |= words

    def field(self, name: str) -> PageField:
        """A field that can be rendered."""
        field = self.fields[name]
        assert isinstance(field, PageField), name
        return field

    def draw_field(self, name: str) -> FormField:
        """One field, ready for the template."""
        field, bound = self.field(name), self[name]
        return field.draw_field(self.add_prefix(name), bound.value(), [str(error) for error in bound.errors])

    def draw_fields(self, *names: str) -> list[FormField | Pair]:
        """These fields, by default all visible ones, for components/fields.html."""
        field_names = names or tuple(name for name, field in self.fields.items() if not isinstance(field, Hidden))
        second = {two: one for one, two in self.pairs if one in field_names and two in field_names}
        first = {one: two for two, one in second.items()}
        return [
            Pair((self.draw_field(name), self.draw_field(first[name]))) if name in first else self.draw_field(name)
            for name in field_names
            if name not in second
        ]

    def show_errors(self, errors: Mapping[str, str]) -> None:
        """Shows sentences at fields of a form that is not bound, such as a row that a button has moved."""
        self.errors.update({name: self.error_class([text]) for name, text in errors.items() if name in self.fields})

    @property
    def posted(self) -> dict[str, Any]:
        """The posted values as the fields read them, without refused ones; empty if nothing was posted."""
        self.is_valid()  # runs the validation
        return self.cleaned_data if self.is_bound else {}

    def holds(self, name: str) -> bool:
        """Whether the field was posted."""
        return self.add_prefix(name) in self.data

    def refuse(self, error: Refusal, *, names: Mapping[str, str] | None = None) -> None:
        """Adds a service's sentences as errors.

        names: field of the service -> field of the form, if they differ; "" is the whole form
        """
        for name, sentences in error.fields.items():
            field = (names or {}).get(name, name)
            for sentence in sentences:
                self.add_error(field if field in self.fields else None, translated(sentence))

    @property
    def refused(self) -> bool:
        """True if it was posted and has errors."""
        return self.is_bound and bool(self.errors)

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows it."""
        return 422 if self.refused else 200

    def draw_callout(self) -> dict[str, Any] | None:
        """The callout above a refused form (components/callout.html); None for any other."""
        if not self.refused:
            return None
        return not_saved([str(error) for error in self.non_field_errors()])


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

    rows: their ids, or each row's initial values by id.
    marked: a field that every posted row has; a row without it is not bound.
    given: keyword arguments for each form.
    """
    initial = rows if isinstance(rows, Mapping) else {}
    row_forms = {}
    for row in rows:
        there = data is not None and (not marked or f"{marked}-{row}" in data)
        row_forms[row] = kind(data if there else None, prefix=str(row), initial=initial.get(row), **given)
    return row_forms


def posted_rows[Row: Form](kind: type[Row], data: Any, prefix: str, most: int) -> Iterator[Row]:
    """The numbered rows of a posted form, from 0 until the first field of one is missing.

    prefix: without the number, such as "c" of c0, c1 ...; "" for a RowForm
    """
    for number in range(most):
        row = kind(data, prefix=f"{prefix}{number}")
        if not row.holds(next(iter(row.fields))):
            return
        yield row


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
    """The member of an enumeration with this value; `otherwise` if there is none."""
    try:
        return kind(text)
    except ValueError:
        return otherwise


def not_saved(items: Sequence[str] = ()) -> dict[str, Any]:
    """The callout above a refused form.

    items: sentences that belong to no field
    """
    return {"tone": "failed", "title": _("Not saved"), "text": _("What you wrote is still here."), "items": list(items)}


def refused_count(count: int) -> str:
    """ "2 fields were refused; nothing was saved"."""
    return ngettext("%(n)d field was refused; nothing was saved", "%(n)d fields were refused; nothing was saved", count) % {"n": count}
