"""A page that asks before something is done, and says what would happen (confirmation.html).

The stated consequences are a promise (P15). The page posts back a digest of them. The view writes the question again from the stored state, and
acts only if the digest is the same. Otherwise it shows the new question, which says that it has changed. `save_order` keeps others from saving
between the comparison and the operation.

    confirmation = question(_("Delete %(name)s?") % …, thing=row, button=_("Delete it"))
    if is_agreed(request, confirmation):
        …
        return redirect
    return page(request, "confirmation.html", **confirmation)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any, Final, Literal, TypedDict, Unpack

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, QueryDict
from django.utils.crypto import salted_hmac
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heliograph.domain.flow.sentence import SentencePart
from heliograph.web.form_fields import Hidden
from heliograph.web.forms import Form
from heliograph.web.shown_fields import FormField, Pair

SHOWN = 12
"""Items shown per list; the rest is counted."""
PROMISED: Final = ("heading", "lead", "notes", "sentence", "breaks", "button", "thing")
"""The parts of a question that belong to the promise: all its statements. Typed values and the addresses of its links do not."""


class Moving(str):
    """A text with a number that changes while registrations come in. A page shows it, but it is not part of the promise."""

    __slots__ = ()


class AnswerForm(Form):
    """promise: the digest of the question that is answered; "" where none was shown yet."""

    promise = Hidden()


@dataclass(frozen=True, slots=True)
class LinkedThing:
    """A thing with a link to its page."""

    text: str
    href: str = ""
    sub: str = ""
    rest: Sequence[LinkedThing] = ()
    """The things that an item such as "and 3 more" counts."""


@dataclass(frozen=True, slots=True)
class FlowThen:
    """A flow's sentence after the change."""

    name: str
    sentence: Sequence[SentencePart]
    href: str = ""


@dataclass(frozen=True, slots=True)
class Breaks:
    """One consequence of the operation, or an obstacle."""

    title: str = ""
    """Empty if the lead says it."""
    text: str = ""
    tone: str = ""
    """Is "wait" for a consequence that needs attention."""
    items: Sequence[LinkedThing] = ()
    anchor: str = ""
    flows: Sequence[FlowThen] = field(default=())


def shortened(items: Sequence[LinkedThing]) -> list[LinkedThing]:
    """The first items, and how many more there are."""
    more = len(items) - SHOWN
    if more <= 0:
        return list(items)
    return [*items[:SHOWN], LinkedThing(_("and %(n)s more") % {"n": intcomma(more)}, rest=items[SHOWN:])]


class QuestionParts(TypedDict, total=False):
    """The parts of a question besides its heading."""

    frame: Literal["platform.html", "signal.html"]
    """Is "signal.html" for a page of Signal."""
    crumbs: Sequence[tuple[str | Promise, str]]
    lead: str
    notes: Sequence[str]
    """What happens, after the lead."""
    sentence: Sequence[SentencePart]
    """The sentence of the flow in question."""
    fields: Sequence[FormField | Pair]
    """A choice that the person has."""
    last_fields: Sequence[FormField | Pair]
    """What the person has to type before the button, after all consequences."""
    look: str
    """The words of a button that shows the consequences of the choice."""
    breaks: Sequence[Breaks]
    hidden: Sequence[tuple[str, str]]
    """(name, value) pairs that are posted along."""
    thing: object
    """The object in question, as it is stored: another name, version or value makes another question."""
    promise: str
    """The digest, if a save has raised the question (setup.views.confirmed_save)."""
    button: str
    """Empty if nothing can be done."""
    button_class: Literal["primary", "danger"]
    cancel: str
    """The words of a link to cancel_href, or of the button cancel_posts."""
    cancel_href: str
    cancel_posts: str
    """The name of a button that takes everything that was typed back to its form."""


def question(heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The context of a question; parts that are not given are empty. Two keys are no parts of it:

    changed: True if the person answered an earlier wording
    status: the HTTP status of the page
    """
    context: dict[str, Any] = {
        "heading": heading,
        "frame": "platform.html",
        "crumbs": [],
        "lead": "",
        "notes": [],
        "sentence": [],
        "fields": [],
        "last_fields": [],
        "look": "",
        "breaks": [],
        "hidden": [],
        "thing": None,
        "promise": "",
        "button": "",
        "button_class": "primary",
        "cancel": _("Cancel"),
        "cancel_href": "",
        "cancel_posts": "",
        "changed": False,
        "status": 200,
    } | parts
    context["promise"] = context["promise"] or promise_of(*(context[name] for name in PROMISED))
    return context


def is_agreed(request: HttpRequest, confirmation: dict[str, Any]) -> bool:
    """Whether the post answers exactly this question. If it answers an earlier wording, the question is marked as changed."""
    mark_changed(confirmation, has_changed(request, confirmation["promise"]))
    if request.method == "POST" and not confirmation["button"]:  # nothing can be done
        confirmation["status"] = 409
    return bool(confirmation["button"]) and agrees(request, confirmation["promise"])


def mark_changed(confirmation: dict[str, Any], changed: bool) -> dict[str, Any]:
    """Marks whether the person answered an earlier wording of the question. Returns the question."""
    confirmation |= {"changed": changed, "status": 409 if changed else confirmation["status"]}
    return confirmation


def with_fields(confirmation: dict[str, Any], form: Form) -> dict[str, Any]:
    """The question with the fields of a form: the typed values, and their errors."""
    return confirmation | {"fields": form.draw_fields(), "status": max(form.status, confirmation["status"])}


def agrees(request: HttpRequest, promise: str) -> bool:
    """Whether the post holds this promise."""
    return _posted_promise(request) == promise


def has_changed(request: HttpRequest, promise: str) -> bool:
    """Whether the post holds another promise than this one."""
    return _posted_promise(request) not in ("", promise)


def promise_of(*parts: object) -> str:
    """The digest of a page's statements, without the Moving ones. Lists of things count as sets, because a database returns them in any order."""
    text = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"))
    return salted_hmac("heliograph.web.confirmation", text, algorithm="sha256").hexdigest()[:32]


def typed(form: Mapping[str, Any], *without: str) -> list[tuple[str, str]]:
    """All posted fields except the buttons `without`, for `hidden`: so typed text is not lost by the question."""
    assert isinstance(form, QueryDict)
    left_out = {"csrfmiddlewaretoken", "promise", *without}
    return [(name, str(text)) for name, texts in form.lists() if name not in left_out for text in texts]


def _posted_promise(request: HttpRequest) -> str:
    form = AnswerForm(request.POST if request.method == "POST" else None)
    return str(form.posted.get("promise", ""))


def _plain(value: object) -> object:
    """The value as lists, texts and numbers. Equal values give equal results, in every process."""
    match value:
        case Moving():
            return ""
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float():
            return value
        case str() | Promise() | date():
            return str(value)
        case Breaks():
            things = [thing for item in value.items for thing in item.rest or [item] if not isinstance(thing.text, Moving)]
            parts_of_text = [
                _plain(part) for part in (value.title, value.text, frozenset(map(_written, things)), frozenset(map(_written, value.flows)))
            ]
            return [value.tone, *parts_of_text] if any(parts_of_text) else ""
        case Mapping():
            return sorted(([_plain(key), _plain(each)] for key, each in value.items()), key=_written)
        case AbstractSet():
            return sorted(map(_written, value))
        case Iterable():
            return [_plain(each) for each in value if not isinstance(each, Moving)]
    if is_dataclass(value):
        return [type(value).__name__, *(_plain(getattr(value, each.name)) for each in fields(value))]
    raise TypeError(f"A promise cannot hold {type(value).__name__}.")


def _written(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True)
