"""A table of what is set up, with tags in its rows and one Save (setup/rows.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.accounts.roles import AccountRequest
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.fields import Text
from heliograph.web.toasts import say


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a row; head: of its column, for a phone. kind: "code" for what programs read."""

    head: str
    text: str
    kind: str = ""
    href: str = ""


@dataclass(slots=True)
class TagEdits:
    """What was posted of the rows' tags. typed: the texts of all rows; changed: tags of those that the person changed; errors: by row.

    Only what differs from what the form showed is saved: somebody else's work on the other rows stays.
    """

    typed: dict[int, str] = field(default_factory=dict)
    changed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: QueryDict, rows: Iterable[int], choices: TagChoices) -> TagEdits:
        """Of a form of chip inputs."""
        edits = cls()
        for id in rows:
            text = form.get(f"tags-{id}")
            if text is None:
                continue
            edits.typed[id] = text
            found, was = choices.read(text), choices.read(form.get(f"was-{id}", ""))
            if found.error:
                edits.errors[id] = found.error
            elif set(found.ids) != set(was.ids):
                edits.changed[id] = found.ids
        return edits


def row_of(
    id: int,
    name: str,
    cells: Sequence[Cell],
    tags: Iterable[int],
    choices: TagChoices,
    edits: TagEdits | None,
    *,
    untagged: str,
    **more: Any,
) -> dict[str, Any]:
    """A row with a chip input. untagged: what a row without a tag is told."""
    text = choices.text(tags)
    typed = edits.typed.get(id, text) if edits else text
    return {
        "id": id,
        "field": f"tags-{id}",
        "name": name,
        "href": "",
        "note": "",
        "cells": cells,
        "tags": choices.labels(tags),
        "value": typed,
        "was": text,
        "todo": "" if typed.strip() else untagged,
        "warn": "",
        "error": edits.errors.get(id, "") if edits else "",
        "tags_label": _("Tags for %(name)s") % {"name": name},
        "delete_href": "",
        "in_use": False,
    } | more


def rows_context(*, heading: Text, lead: Text, heads: Sequence[str], rows: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """The context of setup/rows.html; what is not given is empty."""
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
    } | more


def say_saved(request: AccountRequest, changed: int, released: int) -> None:
    """What a Save of tags came to. released: objects that had no tag before."""
    if not changed:
        say(request, _("Nothing was changed."))
        return
    said = ngettext("%(n)d row is saved.", "%(n)d rows are saved.", changed) % {"n": changed}
    if released:
        said += " " + _("What waited for its tag is judged again now.")
    say(request, said)
