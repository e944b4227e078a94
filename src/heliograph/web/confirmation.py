"""A page that asks before something is done, and says what would happen (confirmation.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from heliograph.domain.flow.sentence import SentencePart

SHOWN = 12
"""Items shown per list; the rest is counted."""


@dataclass(frozen=True, slots=True)
class LinkedThing:
    """A thing with a link to its page."""

    text: str
    href: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True)
class FlowThen:
    """A flow's sentence after the change."""

    name: str
    sentence: Sequence[SentencePart]
    href: str = ""


@dataclass(frozen=True, slots=True)
class Breaks:
    """One consequence. tone: "wait" if it deserves attention."""

    title: str
    text: str = ""
    tone: str = ""
    items: Sequence[LinkedThing] = ()
    anchor: str = ""
    flows: Sequence[FlowThen] = field(default=())


def shortened(items: Sequence[LinkedThing]) -> list[LinkedThing]:
    """The first items, and how many more there are."""
    more = len(items) - SHOWN
    return [*items[:SHOWN], LinkedThing(_("and %(n)s more") % {"n": f"{more:,}"})] if more > 0 else list(items)


def question(heading: str, **more: Any) -> dict[str, Any]:
    """The context of a confirmation page; what is not given is empty."""
    return {
        "heading": heading,
        "lead": "",
        "crumbs": [],
        "fields": [],
        "look": "",
        "breaks": [],
        "hidden": [],
        "button": "",
        "button_class": "primary",
        "button_value": "",
        "cancel": _("Cancel"),
        "cancel_href": "",
    } | more
