"""Why a set-up cannot be saved.

SetupError
├── Invalid     a value is wrong; the problems are given by field, for forms
├── InUse       something uses it; its users are listed (P12)
└── NotThere    the account has no such thing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heliograph.domain.errors import HeliographError, NotInAccount
from heliograph.domain.sentence_template import at_place, joined

if TYPE_CHECKING:
    from heliograph.setup.usage import Use


class SetupError(HeliographError):
    """The set-up cannot be saved."""


class Invalid(SetupError):
    """A value is wrong. fields: sentences by the name of the field, "" for the whole."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = {name: tuple(sentences) for name, sentences in fields.items()}
        super().__init__(joined(" ", (at_place(name, sentence) for name, sentences in self.fields.items() for sentence in sentences)))


class InUse(SetupError):
    """The object is in use, so it cannot be deleted (P12). uses: what uses it."""

    def __init__(self, name: str, uses: Sequence[Use]) -> None:
        self.uses = tuple(uses)
        names = ", ".join(str(use) for use in self.uses[:5])
        if more := len(self.uses[5:]):
            names = ngettext("%(names)s and %(n)d more", "%(names)s and %(n)d more", more) % {"names": names, "n": more}
        super().__init__(_("%(name)s is in use by %(names)s.") % {"name": name, "names": names})


class NotThere(SetupError, NotInAccount):
    """There is no such thing in this account."""


def check(row: models.Model) -> None:
    """Raises Invalid if the row violates its fields' rules or constraints."""
    try:
        row.clean_fields()  # first and alone, because the queries of the constraints fail on values that no column can store
        row.full_clean()
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for name, sentences in error.message_dict.items():
            for sentence in sentences:
                field = _taken_field(row, sentence) if name == NON_FIELD_ERRORS else name
                fields.setdefault(field.removeprefix("folded_"), []).append(sentence)
        raise Invalid(fields) from None


def _taken_field(row: models.Model, sentence: str) -> str:
    """The field whose value another row has, from the error of its constraint; "" for any other error.

    Such a constraint has two columns: the owner and that field.
    """
    for constraint in row._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and str(constraint.get_violation_error_message()) == sentence:
            return str(constraint.fields[-1])
    return ""
