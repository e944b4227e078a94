"""Names in a row, as a sentence or a cell of a table has them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import ngettext


def enumeration(names: Sequence[str], most: int) -> str:
    """The names; of more than `most`, the first ones and how many others there are: "Leads, Badges, Slack, 2 more"."""
    others = len(names) - most
    if others <= 0:
        return ", ".join(names)
    return ", ".join([*names[:most], ngettext("%(n)d more", "%(n)d more", others) % {"n": others}])
