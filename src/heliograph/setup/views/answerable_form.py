"""The form of questions of an event and custom fields of the account (P6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.setup.compiled_setup import Field as Answerable
from heliograph.domain.setup.compiled_setup import QuestionType
from heliograph.setup.views.shared_form import SharedForm
from heliograph.web.form_fields import Select, TextLine, TextLines
from heliograph.web.shown_fields import Choice


def type_names() -> dict[str, str]:
    """Types by their names on pages."""
    return {
        QuestionType.TEXT: _("text"),
        QuestionType.NUMBER: _("number"),
        QuestionType.DATE: _("date"),
        QuestionType.SELECT: _("select"),
        QuestionType.MULTI_SELECT: _("multi-select"),
        QuestionType.CHECKBOX: _("checkbox"),
        QuestionType.RADIO: _("radio"),
    }


def _types() -> list[Choice]:
    return [Choice(value, name) for value, name in type_names().items()]


class AnswerableForm(SharedForm):
    """A question or a custom field, with one option a line."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = (("label", "code"),)

    label = TextLine(gettext_lazy("Label"), required=True, autocomplete="off")
    code = TextLine(
        gettext_lazy("Code"),
        help=gettext_lazy("For files and the API. If it is empty, it is made from the label."),
        optional=True,
        autocomplete="off",
    )
    type = Select(gettext_lazy("Type"), options=_types, initial=QuestionType.TEXT)
    options = TextLines(
        gettext_lazy("Options"),
        optional=True,
        help=gettext_lazy("For select, multi-select, checkbox and radio: one a line. A checkbox without options is a Yes or No."),
    )

    @property
    def type_chosen(self) -> str:
        """Falls back to text for an unknown type."""
        return self.cleaned_data["type"] or QuestionType.TEXT

    @property
    def listed(self) -> tuple[str, ...]:
        """The options, without empty lines."""
        return tuple(line.strip() for line in self.cleaned_data["options"].splitlines() if line.strip())


def shown_at_first(row: Answerable) -> dict[str, str]:
    """The form's initial values, from what is stored."""
    return {"label": row.label, "code": row.code, "type": row.type, "options": "\n".join(row.options)}
