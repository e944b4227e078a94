"""The warning about header values that servers read in different ways; fixed headers and header mappings show it."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _


def doubtful(names: Sequence[str]) -> str:
    """A warning on headers, by their names, whose values go beyond ASCII."""
    said = _(
        "%(names)s: it has letters beyond ASCII. They are sent as UTF-8, and many applications read headers otherwise, or refuse them."
    )
    return said % {"names": ", ".join(names)}
