"""A table of things of the set-up, with tags in its rows and one Save (setup/rows.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.languages import translated
from heliograph.accounts.roles import AccountRequest
from heliograph.domain.ids import read_id
from heliograph.setup.setup_errors import Invalid, NotThere
from heliograph.setup.views.shared_form import said_of_theirs
from heliograph.setup.views.tag_chips import OneTag, TagChips, TagChoices
from heliograph.web.form_fields import Hidden, TextLine
from heliograph.web.forms import Form, RowForm, not_saved, rows_of
from heliograph.web.shown_fields import AnyText
from heliograph.web.toasts import say


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a row."""

    head: str
    """The column's heading, for phones."""
    text: str
    kind: str = ""
    """Is "code" for a text that programs read."""
    href: str = ""


class TagRow(RowForm):
    """The tags of one row."""

    tags: Any = TagChips()
    was = Hidden()
    """The tags that the form showed."""
    left_alone = False

    def __init__(self, *args: Any, choices: TagChoices, **given: Any) -> None:
        super().__init__(*args, **given)
        self.choices = choices
        field = self.fields["tags"]
        if isinstance(field, TagChips):
            field.choices = choices

    @property
    def chosen(self) -> tuple[int, ...]:
        """The tags."""
        tags: tuple[int, ...] = self.cleaned_data["tags"]
        return tags

    def clean(self) -> dict[str, Any]:
        """Refuses, once, tags that somebody else has changed, too (P14).

        The page then shows the stored tags, so saving again replaces them.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "tags" not in cleaned or self.add_prefix("was") not in self.data:
            return cleaned
        was, posted, now = self._read_tags(cleaned["was"]), set(self.chosen), self._read_tags(self.initial["tags"])
        self.left_alone = posted == was
        if now not in (was, posted) and not self.left_alone:
            self.add_error("tags", said_of_theirs(self._readable_text(self.initial["tags"])))
        return cleaned

    def _read_tags(self, text: str) -> set[int]:
        """The tags that a text of the form names."""
        return set(self.choices.read(text).ids)

    def _readable_text(self, text: str) -> str:
        """The text of a field as people read it: the tags' labels."""
        return text

    @property
    def changed(self) -> bool:
        """True if other tags were posted than the form showed."""
        return self.is_valid() and set(self.chosen) != self._read_tags(self.cleaned_data["was"])

    def text(self) -> str:
        """The text in the field."""
        return str(self.initial["tags"] if self.left_alone else self["tags"].value() or "")

    def sentence(self) -> str:
        """Why it was refused."""
        return " ".join(str(error) for error in self["tags"].errors)


class OneTagRow(TagRow):
    """The one tag of a question, by its id."""

    tags = OneTag()

    def clean_tags(self) -> str:
        """Refuses anything that is not a tag for questions."""
        chosen: str = self.cleaned_data["tags"]
        if chosen and read_id(chosen) not in self.choices.label_by_id:
            raise ValidationError(_("There is no such tag for questions."))
        return chosen

    @property
    def chosen(self) -> tuple[int, ...]:
        tag = read_id(self.cleaned_data["tags"])
        return () if tag is None else (tag,)

    def _read_tags(self, text: str) -> set[int]:
        tag = read_id(text)
        return set() if tag is None else {tag}

    def _readable_text(self, text: str) -> str:
        return self.choices.text(self._read_tags(text))


class TagRows:
    """The tags of a table's rows. Only differences from what the form showed are saved, so another person's changes to other rows stay."""

    def __init__(self, kind: type[TagRow], stored: Mapping[int, Iterable[int]], choices: TagChoices, data: QueryDict | None) -> None:
        """stored: the tags of each row, by its id."""
        texts = {
            id: {"tags": next((str(tag) for tag in tags), "") if kind is OneTagRow else choices.text(tags)} for id, tags in stored.items()
        }
        self.forms = rows_of(kind, texts, data, marked="tags", choices=choices)

    @property
    def refused(self) -> bool:
        """True if a row has errors."""
        return any(form.refused for form in self.forms.values())

    @property
    def changed(self) -> dict[int, tuple[int, ...]]:
        """The new tags of the rows that were changed."""
        return {id: form.chosen for id, form in self.forms.items() if form.changed}

    @property
    def is_unsaved(self) -> bool:
        """True if a row shows other tags than are stored."""
        return self.refused or bool(self.changed)

    def refuse(self, id: int, error: Invalid | NotThere) -> None:
        """Adds the service's error to a row. Raises Http404 if the row itself no longer exists."""
        if id not in self.forms:
            raise Http404 from error
        if isinstance(error, Invalid):
            self.forms[id].refuse(error, names={"tag": "tags", "": "tags"})
        else:
            self.forms[id].add_error("tags", translated(error))

    def draw_callout(self) -> dict[str, Any] | None:
        """The callout above the table."""
        return not_saved() if self.refused else None


def is_begun(form: Form) -> bool:
    """True if something is typed into the form that adds a row. Lists and boxes do not count: they have a value from the beginning."""
    for name, field in form.fields.items():
        if isinstance(field, TextLine) and not isinstance(field, Hidden):
            typed = str(form[name].value() or "").strip()
            if typed and typed != str(form.get_initial_for_field(field, name) or ""):
                return True
    return False


def row_of(
    id: int, name: str, cells: Sequence[Cell], tags: Iterable[int], form: TagRow | None, *, untagged: str, **more: Any
) -> dict[str, Any]:
    """A row with its tags.

    form: the form of the tags; None if the kind has no tags.
    untagged: the text in a row without a tag.
    """
    typed = form.text() if form else ""
    return {
        "id": id,
        "field": f"tags-{id}",
        "name": name,
        "href": "",
        "note": "",
        "cells": cells,
        "tags": form.choices.labels(tags) if form else [],
        "value": typed,
        "was": form.initial["tags"] if form else "",
        "todo": "" if typed.strip() else untagged,
        "warn": "",
        "error": form.sentence() if form else "",
        "tags_label": (_("Tag for %(name)s") if isinstance(form, OneTagRow) else _("Tags for %(name)s")) % {"name": name},
        "delete_href": "",
        "in_use": False,
    } | more


def rows_context(
    *, heading: AnyText, lead: AnyText, heads: Sequence[str], rows: Sequence[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """The context of setup/rows.html.

    more: further names of the context; absent ones are empty.
    """
    return {
        "heading": heading,
        "lead": lead,
        "heads": heads,
        "rows": rows,
        "crumbs": [],
        "told": None,
        "warning": None,
        "section_title": "",
        "count_text": "",
        "tagged": False,
        "one": False,
        "tags_head": _("Tags"),
        "tag_options": [],
        "can_delete": False,
        "readonly": "",
        "save_note": "",
        "full": "",
        "empty_title": "",
        "empty_text": "",
        "add": [],
        "add_title": "",
        "unsaved": False,
    } | more


def say_saved(request: AccountRequest, changed: int, released: int) -> None:
    """Shows the result of saving tags.

    changed: the number of rows that were changed.
    released: the number of objects that got their first tag.
    """
    if not changed:
        say(request, _("Nothing was changed."))
        return
    message = ngettext("%(n)d row is saved.", "%(n)d rows are saved.", changed) % {"n": changed}
    if released:
        message += " " + _("Changes that waited for its tag are checked again now.")
    say(request, message)
