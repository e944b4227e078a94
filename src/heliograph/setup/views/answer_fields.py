"""Form fields for answers to an event's questions and to custom fields (P6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from heliograph.domain.setup.compiled_setup import Field, QuestionType
from heliograph.setup.form_values import YES, FormValues, takes_many
from heliograph.web.form_fields import Choices, Select, TextLines
from heliograph.web.shown_fields import Choice, FormField

AUTOCOMPLETE = "off"
"""Keeps the browser from offering its user's own data, because the answers are about other people."""


def question_field(id: str, question: Field, values: FormValues, errors: Mapping[str, str]) -> FormField:
    """The rendered field for a question or custom field."""
    given = values.get(id, ())
    common: dict[str, Any] = {"id": id, "label": question.label, "error": errors.get(id, "")}
    if takes_many(question):
        options = [*question.options, *(v for v in given if v not in question.options)]
        return FormField(kind="checks", **common, extra="in-columns", options=[Choice(o, o, o in given) for o in options])
    if question.options or question.type == QuestionType.CHECKBOX:
        options = list(question.options) or [YES, "No"]
        options += [v for v in given if v not in options]
        return FormField(
            kind="select", **common, value=given[0] if given else "", placeholder=_("No answer"), options=[Choice(o, o) for o in options]
        )
    value = given[0] if given else ""
    help_text = _("As 2026-10-12.") if question.type == QuestionType.DATE else ""
    kind = "textarea" if "\n" in value else "text"
    return FormField(kind=kind, **common, value=value, help=help_text, autocomplete=AUTOCOMPLETE)  # type: ignore[arg-type]


type AnswerField = BoxesOfAnswers | AnswerOfOptions | TextOfAnswer


def answer_field(question: Field) -> AnswerField:
    """The form field for a question or custom field.

    It shows a stored answer that is no longer an option. The service refuses invalid answers.
    """
    if takes_many(question):
        return BoxesOfAnswers(question.label, options=_options(question.options), any_value=True, extra="in-columns")
    if question.options or question.type == QuestionType.CHECKBOX:
        options = _options(question.options or [YES, "No"])
        return AnswerOfOptions(question.label, options=options, any_value=True, placeholder=_("No answer"))
    help_text = _("As 2026-10-12.") if question.type == QuestionType.DATE else ""
    return TextOfAnswer(question.label, strip=False, help=help_text, autocomplete=AUTOCOMPLETE)


class BoxesOfAnswers(Choices):
    """Any number of the options."""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        self.words["options"] = _and_given(self.current_options, value or ())
        return super().draw_field(name, value, errors)


class AnswerOfOptions(Select):
    """One of the options."""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        self.words["options"] = _and_given(self.current_options, [value] if value else ())
        return super().draw_field(name, value, errors)


class TextOfAnswer(TextLines):
    """A text: one line, unless the stored text has several."""

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        form_field = super().draw_field(name, value, errors)
        return form_field if "\n" in str(value or "") else replace(form_field, kind="text")


def _options(texts: Sequence[str]) -> list[Choice]:
    return [Choice(text, text) for text in texts]


def _and_given(options: Sequence[Choice], given: Sequence[str]) -> list[Choice]:
    known = {option.value for option in options}
    return [*options, *(Choice(text, text) for text in given if text not in known)]
