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
    """One option of a select, a filter row or a list of boxes. `on` is for boxes; a select uses its field's value."""

    value: str
    label: AnyText
    on: bool = False
    sub: AnyText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field of a form; `id` is also its name in the post.

    error: why it was refused (red). todo: what may be saved without and is missing all the same (amber). follows: script puts another todo there
    where an answer of the server to a change of the form has one.
    extra: a class of the control. input: what the rows of `checks` are. groups: the fields that a `url` may hold, by the name of their group.
    """

    kind: Literal["text", "password", "date", "select", "textarea", "chips", "checks", "url", "hidden"] = "text"
    id: str
    label: AnyText
    value: str | Sequence[str] = ""
    help: AnyText = ""
    error: AnyText = ""
    todo: AnyText = ""
    follows: bool = False
    optional: bool = False
    required: bool = False
    placeholder: AnyText = ""
    options: Sequence[Choice] = ()
    groups: Sequence[tuple[AnyText, Sequence[Choice]]] = ()
    extra: str = ""
    glue: AnyText = ""
    input: Literal["checkbox", "radio"] = "checkbox"
    type: str = ""
    inputmode: str = ""
    autocomplete: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two fields side by side."""

    fields: tuple[FormField, FormField]
    kind: Literal["pair"] = field(default="pair", init=False)
