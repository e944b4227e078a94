"""A page that asks before something is done, and says what would happen (confirmation.html).

What it says is a promise (P15). The page posts back a digest of it. The view writes the question anew from what is stored now, and acts only if
that has the same digest; otherwise it shows the new question, which says that it has changed. `save_order` keeps others from saving between the
comparison and the act.

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
"""The parts of a question that are promised: all that it says. What is typed on it and where its links lead back to is not."""


class Moving(str):
    """A text with a figure that moves by itself while registrations come in. A page shows it, and promises nothing by it."""

    __slots__ = ()


class AnswerForm(Form):
    """promise: the digest of the question that is answered; "" where none was shown yet."""

    promise = Hidden()


@dataclass(frozen=True, slots=True)
class LinkedThing:
    """A thing with a link to its page. rest: the things that it counts ("and 3 more")."""

    text: str
    href: str = ""
    sub: str = ""
    rest: Sequence[LinkedThing] = ()


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
    if more <= 0:
        return list(items)
    return [*items[:SHOWN], LinkedThing(_("and %(n)s more") % {"n": f"{more:,}"}, rest=items[SHOWN:])]


class QuestionParts(TypedDict, total=False):
    """What a question may say beside its heading.

    frame: "signal.html" for a page of Signal.
    lead, notes: what happens. sentence: the flow that it is about.
    fields: a choice, and `look`, the words of a button that shows what it would do.
    hidden: (name, value) that are posted along.
    thing: what it is about, as it is stored: another name, version or value of it makes another question.
    promise: the digest, where a save that asks first has given it (setup.views.confirmed_save).
    button: "" where nothing can be done.
    cancel: a link to cancel_href, or, with cancel_posts, a button of this name, which takes everything that was typed back to its form.
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
    thing: object
    promise: str
    button: str
    button_class: Literal["primary", "danger"]
    cancel: str
    cancel_href: str
    cancel_posts: str


def question(heading: str, **parts: Unpack[QuestionParts]) -> dict[str, Any]:
    """The context of a question; what is not given is empty.

    changed: it was answered when it said something else. status: the HTTP status of its page.
    """
    context: dict[str, Any] = {
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
    """Whether the post answers exactly this question. If it answers what the page said before, the question is marked as changed."""
    mark_changed(confirmation, has_changed(request, confirmation["promise"]))
    if request.method == "POST" and not confirmation["button"]:  # nothing can be done
        confirmation["status"] = 409
    return bool(confirmation["button"]) and agrees(request, confirmation["promise"])


def mark_changed(confirmation: dict[str, Any], changed: bool) -> dict[str, Any]:
    """Marks whether the question was answered when it said something else. Returns it."""
    confirmation |= {"changed": changed, "status": 409 if changed else confirmation["status"]}
    return confirmation


def with_fields(confirmation: dict[str, Any], form: Form) -> dict[str, Any]:
    """The question with the fields of a form, as typed and with what was refused."""
    return confirmation | {"fields": form.draw_fields(), "status": max(form.status, confirmation["status"])}


def agrees(request: HttpRequest, promise: str) -> bool:
    """Whether the post holds this promise."""
    return _posted_promise(request) == promise


def has_changed(request: HttpRequest, promise: str) -> bool:
    """Whether the post holds another promise than this one."""
    return _posted_promise(request) not in ("", promise)


def promise_of(*parts: object) -> str:
    """A digest of what a page says, without what is Moving. Lists of things count as sets: a database returns them in any order."""
    text = json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"))
    return salted_hmac("heliograph.web.confirmation", text, algorithm="sha256").hexdigest()[:32]


def typed(form: Mapping[str, Any], *without: str) -> list[tuple[str, str]]:
    """Everything that was posted, for `hidden`: what was typed goes along with the question. without: names of buttons."""
    assert isinstance(form, QueryDict)
    left_out = {"csrfmiddlewaretoken", "promise", *without}
    return [(name, str(text)) for name, texts in form.lists() if name not in left_out for text in texts]


def _posted_promise(request: HttpRequest) -> str:
    form = AnswerForm(request.POST if request.method == "POST" else None)
    return str(form.posted.get("promise", ""))


def _plain(value: object) -> object:
    """The value as lists, texts and numbers, equal for what is equal, in every process."""
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
