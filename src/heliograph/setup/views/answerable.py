"""The form of what is answered: questions of an event and custom fields of the account (P6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import QueryDict
from django.utils.translation import gettext as _

from heliograph.domain.setup.configuration import Field as Answerable
from heliograph.domain.setup.configuration import QuestionType
from heliograph.web.fields import Choice, Field, Pair

NAMES = ("code", "label", "type", "options")


@dataclass(frozen=True, slots=True)
class Typed:
    """What the form was sent with, as it was typed. options: one a line."""

    code: str = ""
    label: str = ""
    type: str = QuestionType.TEXT
    options: str = ""

    @classmethod
    def read(cls, form: QueryDict) -> Typed:
        """Of a posted form."""
        kind = form.get("type", "")
        return cls(
            form.get("code", ""), form.get("label", ""), kind if kind in QuestionType.ALL else QuestionType.TEXT, form.get("options", "")
        )

    @classmethod
    def of(cls, row: Answerable) -> Typed:
        """Of what is stored."""
        return cls(row.code, row.label, row.type, "\n".join(row.options))

    @property
    def listed(self) -> tuple[str, ...]:
        """The options, without empty lines."""
        return tuple(line.strip() for line in self.options.splitlines() if line.strip())


def type_names() -> dict[str, str]:
    """Types as pages call them."""
    return {
        QuestionType.TEXT: _("text"),
        QuestionType.NUMBER: _("number"),
        QuestionType.DATE: _("date"),
        QuestionType.SELECT: _("select"),
        QuestionType.MULTI_SELECT: _("multi-select"),
        QuestionType.CHECKBOX: _("checkbox"),
        QuestionType.RADIO: _("radio"),
    }


def form(typed: Typed, errors: Mapping[str, str], *, extra: Field | None = None) -> list[Field | Pair]:
    """Its fields. extra: stands beside the type."""
    label = Field(id="label", label=_("Label"), value=typed.label, error=errors.get("label", ""), required=True, autocomplete="off")
    code = Field(
        id="code",
        label=_("Code"),
        value=typed.code,
        error=errors.get("code", ""),
        help=_("For files and the API. Left empty, it is made of the label."),
        optional=True,
        autocomplete="off",
    )
    kind = Field(
        kind="select",
        id="type",
        label=_("Type"),
        value=typed.type,
        options=[Choice(value, name) for value, name in type_names().items()],
        error=errors.get("type", ""),
    )
    options = Field(
        kind="textarea",
        id="options",
        label=_("Options"),
        value=typed.options,
        error=errors.get("options", ""),
        optional=True,
        help=_("For select, multi-select, checkbox and radio: one a line. A checkbox without options is a Yes or No."),
    )
    return [Pair((label, code)), Pair((kind, extra)) if extra else kind, options]
