"""The reason why a document was refused, as shown in a form."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from heliograph.accounts.languages import translated
from heliograph.domain.sentence_template import with_capital


def problem_sentence(reason: str, allowed: Sequence[str]) -> str:
    """The reason as a sentence, with the accepted values."""
    text = translated(with_capital(reason))
    return _("%(reason)s Possible: %(allowed)s.") % {"reason": text, "allowed": ", ".join(allowed[:12])} if allowed else text
