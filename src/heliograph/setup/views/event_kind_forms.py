"""The forms of an event's set-up: one for each kind in event_kinds.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.ids import read_id
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.statuses import StatusClass
from heliograph.setup.views.answerable_form import AnswerableForm
from heliograph.setup.views.shared_form import SharedForm
from heliograph.setup.views.tag_chips import OneTag, TagChips, TagChoices, offer
from heliograph.web.form_fields import Select, TextLine
from heliograph.web.shown_fields import Choice


class KindForm(SharedForm):
    """The base of these forms."""

    tagged: ClassVar[str] = ""
    """The name of the form's field of tags; "" for none."""

    def __init__(self, *args: Any, event: EventConfig, choices: TagChoices, **given: Any) -> None:
        super().__init__(*args, **given)
        if self.tagged:
            offer(self, self.tagged, choices)

    @property
    def chosen(self) -> tuple[int, ...]:
        """The tags."""
        tags: tuple[int, ...] = self.cleaned_data[self.tagged] if self.tagged else ()
        return tags


class NamedForm(KindForm):
    """A name, and the code used in files."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = (("name", "code"),)

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off")
    code = TextLine(
        gettext_lazy("Code"),
        optional=True,
        help=gettext_lazy("For files and the API. If it is empty, it is made from the name."),
        autocomplete="off",
    )


class TaggedForm(NamedForm):
    """Attendee types and registration properties, with their tags."""

    tagged = "tags"
    tags = TagChips()


def class_choices() -> list[Choice]:
    """The classes, with the guide's names in every language, as lists show them."""
    return [Choice(each.value, each.value) for each in StatusClass]


class StatusForm(TaggedForm):
    """Custom registration statuses, which also have a class."""

    pairs = (("name", "code"), ("cls", "tags"))
    field_order = ("name", "code", "cls", "tags")

    cls = Select(gettext_lazy("Class"), options=class_choices, initial=StatusClass.ACCEPTED.value)

    @property
    def status_class(self) -> StatusClass:
        """Falls back to Accepted for an unknown class."""
        return StatusClass(self.cleaned_data["cls"] or StatusClass.ACCEPTED)


class QuestionForm(AnswerableForm, KindForm):
    """Questions, each with at most one tag."""

    pairs = (("label", "code"), ("type", "tag"))

    tagged = "tag"
    tag = OneTag()

    @property
    def chosen(self) -> tuple[int, ...]:
        tag = read_id(self.cleaned_data["tag"])
        return () if tag is None else (tag,)


class SessionForm(NamedForm):
    """Sessions, with their times in the event's time zone."""

    pairs = (("name", "code"), ("start", "end"))

    start = TextLine(gettext_lazy("Start"), optional=True, type="datetime-local")
    end = TextLine(gettext_lazy("End"), optional=True, type="datetime-local")

    def __init__(self, *args: Any, event: EventConfig, **given: Any) -> None:
        super().__init__(*args, event=event, **given)
        self.say("start", help=_("In %(zone)s, the event’s timezone.") % {"zone": event.state.timezone})
