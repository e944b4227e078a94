"""A page that asks before something is done, and says what would happen (confirmation.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, Unpack

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heliograph.domain.flow.sentence import SentencePart
from heliograph.web.shown_fields import FormField, Pair

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
    """One thing that will happen, or what stands in the way. title: "" where the lead says it. tone: "wait" for what wants a look."""

    title: str = ""
    text: str = ""
    tone: str = ""
    items: Sequence[LinkedThing] = ()
    anchor: str = ""
    flows: Sequence[FlowThen] = field(default=())


def shortened(items: Sequence[LinkedThing]) -> list[LinkedThing]:
    """The first items, and how many more there are."""
    more = len(items) - SHOWN
    return [*items[:SHOWN], LinkedThing(_("and %(n)s more") % {"n": f"{more:,}"})] if more > 0 else list(items)


class QuestionParts(TypedDict, total=False):
    """What a question may say beside its heading.

    frame: "signal.html" for a page of Signal. lead, notes: what happens. sentence: the flow that it is about. fields: a choice, and `look`, the
    words of a button that shows what it would do. hidden: (name, value) that are posted along.
    button: "" where nothing can be done; button_value: posted as `sure`. cancel: a link to cancel_href, or, with cancel_posts, a button of this
    name, which takes everything that was typed back to its form.
    """

    frame: Literal["platform.html", "signal.html"]
    crumbs: Sequence[tuple[str | Promise, str]]
    lead: str
    notes: Sequence[str]
    sentence: Sequence[SentencePart]
    fields: Sequence[FormField | Pair]
    look: str
    breaks: Sequence[Breaks]
    hidden: Sequence[tuple[str, str]]
    button: str
    button_class: Literal["primary", "danger"]
    button_value: str
    cancel: str
    cancel_href: str
    cancel_posts: str


def question(heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The context of a question; what is not given is empty."""
    return {
        "heading": heading,
        "frame": "platform.html",
        "crumbs": [],
        "lead": "",
        "notes": [],
        "sentence": [],
        "fields": [],
        "look": "",
        "breaks": [],
        "hidden": [],
        "button": "",
        "button_class": "primary",
        "button_value": "",
        "cancel": _("Cancel"),
        "cancel_href": "",
        "cancel_posts": "",
    } | parts


def typed(form: QueryDict, *without: str) -> list[tuple[str, str]]:
    """Everything that was posted, for `hidden`: what was typed goes along with the question. without: names of buttons."""
    left_out = {"csrfmiddlewaretoken", *without}
    return [(name, str(text)) for name, texts in form.lists() if name not in left_out for text in texts]
