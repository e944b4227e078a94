"""The names of fields and properties of the platform on pages; programs, files and what is stored have the English ones (docs/design/languages.md).

They have a context of their own in the catalogue: a person's state is not that of a job.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heliograph.domain.flow.flow import Flow
from heliograph.domain.flow.sentence import SentenceNames, SentencePart, parts
from heliograph.domain.setup.fields import ANSWER, BEFORE, QUESTION
from heliograph.domain.setup.filter_fields import is_named_by_account


def standard_name(name: str) -> str:
    """The name of a field, a group of fields or a property of the platform.

    name: the English one, as the domain has it
    """
    return pgettext("field", name) if name else ""


def field_label(key: str, label: str) -> str:
    """The name of a source field.

    key: the field's
    label: its English name, in which the account's own names are as they are (`setup.fields.SourceField`)
    """
    if key.startswith("previous."):
        return _("%(name)s (before)") % {"name": field_label(key.removeprefix("previous."), label.removesuffix(BEFORE))}
    if key.startswith("question."):
        return _("%(name)s (question)") % {"name": label.removesuffix(QUESTION)}
    if key.startswith("answer."):
        return _("%(name)s (answer)") % {"name": label.removesuffix(ANSWER)}
    return label if is_named_by_account(key) else standard_name(label)


def flow_parts(flow: Flow, names: SentenceNames, *, mode: bool = True) -> list[SentencePart]:
    """A flow as a sentence (`domain.flow.sentence`) in the active language."""
    return parts(flow, names, _, field_label, mode=mode)
