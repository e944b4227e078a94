"""The warning about header values that servers read in different ways. The forms of fixed headers and of header mappings show it."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _


def doubtful(names: Sequence[str]) -> str:
    """The warning about headers whose values contain characters beyond ASCII.

    names: the names of the headers
    """
    warning = _("%(names)s: letters outside ASCII are sent as UTF-8, which many applications misread or refuse.")
    return warning % {"names": ", ".join(names)}
