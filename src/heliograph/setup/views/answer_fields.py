"""Fields for what is answered: questions of an event, and custom fields (P6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from heliograph.domain.setup.configuration import Field as Question
from heliograph.domain.setup.configuration import QuestionType
from heliograph.setup.form_values import YES, Values, takes_many
from heliograph.web.fields import Choice, Field

AUTOCOMPLETE = "off"
"""Somebody else's data: the browser must not offer its user's own."""


def question_field(id: str, question: Question, values: Values, errors: Mapping[str, str]) -> Field:
    """What is answered, as its field: a question, or a custom field."""
    given = values.get(id, ())
    common: dict[str, Any] = {"id": id, "label": question.label, "error": errors.get(id, "")}
    if takes_many(question):
        options = [*question.options, *(v for v in given if v not in question.options)]
        return Field(kind="checks", **common, extra="in-columns", options=[Choice(o, o, o in given) for o in options])
    if question.options or question.type == QuestionType.CHECKBOX:
        options = list(question.options) or [YES, "No"]
        options += [v for v in given if v not in options]
        return Field(
            kind="select", **common, value=given[0] if given else "", placeholder=_("No answer"), options=[Choice(o, o) for o in options]
        )
    value = given[0] if given else ""
    said = _("As 2026-10-12.") if question.type == QuestionType.DATE else ""
    kind = "textarea" if "\n" in value else "text"
    return Field(kind=kind, **common, value=value, help=said, autocomplete=AUTOCOMPLETE)  # type: ignore[arg-type]
