"""The context of `components/fields.html`, complete, so that the template never meets a missing name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.functional import Promise

type AnyText = str | Promise
"""A text on a page: plain, or translated when it is shown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a select, a filter row or a list of boxes."""

    value: str
    label: AnyText
    on: bool = False
    """True for a checked box; a select uses the value of its field instead."""
    sub: AnyText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form."""

    kind: Literal["text", "password", "date", "moment", "select", "textarea", "chips", "checks", "url", "hidden"] = "text"
    id: str
    """Also the field's name in the post."""
    label: AnyText
    value: str | Sequence[str] = ""
    help: AnyText = ""
    error: AnyText = ""
    """Why the value was refused (red)."""
    todo: AnyText = ""
    """What is missing, although the form may be saved without it (amber)."""
    follows: bool = False
    """True if script replaces the todo by the one in the server's response to a change of the form."""
    optional: bool = False
    required: bool = False
    placeholder: AnyText = ""
    options: Sequence[Choice] = ()
    groups: Sequence[tuple[AnyText, Sequence[Choice]]] = ()
    """The source fields that a `url` may contain, by the name of their group."""
    extra: str = ""
    """A class of the control."""
    glue: AnyText = ""
    input: Literal["checkbox", "radio"] = "checkbox"
    """The kind of the rows of `checks`."""
    type: str = ""
    inputmode: str = ""
    autocomplete: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two fields side by side."""

    fields: tuple[FormField, FormField]
    kind: Literal["pair"] = field(default="pair", init=False)
