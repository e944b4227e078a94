"""The kinds of things in an event's set-up, as their pages show and post them (guide: Applying Tags in an Event; P3-P6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.local_times import parse_local, written_local
from heliograph.setup.models import RegistrationProperty
from heliograph.setup.services import event_setup, object_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.usage import Thing
from heliograph.setup.views import answerable_form
from heliograph.setup.views.event_kind_forms import KindForm, QuestionForm, SessionForm, StatusForm, TaggedForm
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.setup.views.tag_table import Cell
from heliograph.web.templatetags.moments import minute_in


@dataclass(frozen=True, slots=True)
class UsageCounts:
    """How many registrations use each thing of a kind. `by_id` has the numbers, by the thing's id; None if they are not counted."""

    event: EventConfig
    by_id: Mapping[int, int] | None

    def cell(self, head: str, id: int, query: Mapping[str, str] | None = None) -> list[Cell]:
        """The table cell with the number of a thing's registrations.

        query: the filters of the list of exactly these registrations, to which the number links; None for no link.
        """
        if self.by_id is None:
            return [Cell(head, "")]
        href = f"{reverse('registrations')}?{urlencode({'event': self.event.id} | dict(query))}" if query else ""
        return [Cell(head, intcomma(self.by_id.get(id, 0)), href=href)]


class SetupKind:
    """One kind of thing in an event's set-up: its page, its form and its rows in the event's configuration."""

    url_name: ClassVar[str]
    thing: ClassVar[Thing]
    tag_kind: ClassVar[TagKind | None] = None
    one: ClassVar[bool] = False
    form: ClassVar[type[KindForm]] = TaggedForm
    heading: ClassVar[Promise]
    lead: ClassVar[Promise]
    untagged: ClassVar[Promise] = gettext_lazy("No tag.")
    save_note: ClassVar[Promise] = gettext_lazy("Tags are optional.")
    section: ClassVar[Promise | str] = ""
    empty: ClassVar[tuple[Promise, Promise]]
    add_title: ClassVar[Promise]

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        raise NotImplementedError

    def name(self, row: Any) -> str:
        return str(row.name)

    def lead_of(self, event: EventConfig) -> str:
        """The text below the heading."""
        return str(self.lead)

    def heads(self) -> list[str]:
        return [_("Name"), _("Code"), _("Registrations")]

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        return [Cell(_("Code"), row.code, "code"), *counts.cell(_("Registrations"), row.id)]

    def full(self, event: EventConfig) -> str:
        """Why no more can be added; "" if more can."""
        return ""

    def counted(self, event: EventConfig) -> str:
        """The text beside the section's title."""
        return ""

    def warnings(self, event: EventConfig, choices: TagChoices) -> dict[int, str]:
        """Warnings by row."""
        return {}

    def shown_at_first(self, row: Any, event: EventConfig, choices: TagChoices) -> dict[str, str]:
        """The form's initial values, from what is stored."""
        return {"name": row.name, "code": row.code, "tags": choices.text(row.tags)}

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        """Saves it through the service. Raises Invalid, NotThere."""
        raise NotImplementedError

    def set_tags(self, transaction: SetupTransaction, id: int, tags: tuple[int, ...]) -> None:
        assert self.tag_kind is not None
        object_tags.set_tags(transaction, self.tag_kind, id, tags)

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        """Deletes it through the service. Raises InUse, NotThere."""
        raise NotImplementedError


class Statuses(SetupKind):
    """Custom registration statuses (P3)."""

    url_name, thing, tag_kind = "custom-statuses", Thing.REGISTRATION_STATUS, TagKind.REGISTRATION_STATUS
    form = StatusForm
    heading = gettext_lazy("Custom Statuses")
    lead = gettext_lazy("This event’s own registration statuses, beside the 11 standard ones. Select at least one tag for each.")
    untagged = gettext_lazy("No tag yet: a flow needs one, so changes wait in Retry.")
    save_note = gettext_lazy("You can save it without a tag, but then flows that need one wait.")
    empty = (
        gettext_lazy("No custom statuses"),
        gettext_lazy("This event uses the standard statuses only. They are tagged once for all events, under Account Settings."),
    )
    add_title = gettext_lazy("Add a status")

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        return event.statuses

    def heads(self) -> list[str]:
        return [_("Name"), _("Code"), _("Class"), _("Registrations")]

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        code, of_class = Cell(_("Code"), row.code, "code"), Cell(_("Class"), str(row.cls))
        return [code, of_class, *counts.cell(_("Registrations"), row.id, {"status": row.name})]

    def shown_at_first(self, row: Any, event: EventConfig, choices: TagChoices) -> dict[str, str]:
        return {**super().shown_at_first(row, event, choices), "cls": str(row.cls)}

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        assert isinstance(form, StatusForm)
        typed = form.cleaned_data
        return event_setup.save_status(
            transaction, event.id, event_setup.StatusFacts(typed["code"], typed["name"], form.status_class, form.chosen), id
        )

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        event_setup.delete_status(transaction, event, id)


class Types(SetupKind):
    """Attendee types (P5)."""

    url_name, thing, tag_kind = "attendee-types", Thing.ATTENDEE_TYPE, TagKind.ATTENDEE_TYPE
    heading = gettext_lazy("Attendee Types")
    lead = gettext_lazy("What people come as. Flows filter by the tags of types, so one flow works for all events.")
    untagged = gettext_lazy("No tag yet: flows that filter by tags won’t find it.")
    empty = (gettext_lazy("No attendee types"), gettext_lazy("Registrations of this event have none. Add the first one below."))
    add_title = gettext_lazy("Add an attendee type")

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        return event.types

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        return [Cell(_("Code"), row.code, "code"), *counts.cell(_("Registrations"), row.id, {"type": row.name})]

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        typed = form.cleaned_data
        return event_setup.save_type(transaction, event.id, event_setup.TypeFacts(typed["code"], typed["name"], form.chosen), id)

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        event_setup.delete_type(transaction, event, id)


class Properties(SetupKind):
    """Custom registration properties, at most 30 (P4)."""

    url_name, thing, tag_kind = "configure", Thing.REGISTRATION_PROPERTY, TagKind.REGISTRATION_PROPERTY
    heading = gettext_lazy("Configure")
    lead = gettext_lazy("Yes/No flags of this event, beside the five standard ones.")
    untagged = gettext_lazy("No tag yet: a flow needs one, so changes wait in Retry.")
    save_note = gettext_lazy("You can save it without a tag, but then flows can’t act on the property.")
    section = gettext_lazy("Custom Registration Properties")
    empty = (
        gettext_lazy("No custom registration properties"),
        gettext_lazy("This event has the five standard ones: Complete, Badge Printed, On To Do List, Invoice Generated, Test."),
    )
    add_title = gettext_lazy("Add a property")

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        return event.properties

    def heads(self) -> list[str]:
        return [_("Property"), _("Code"), _("Set on")]

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        return [Cell(_("Code"), row.code, "code"), *counts.cell(_("Set on"), row.id)]

    def full(self, event: EventConfig) -> str:
        if len(event.properties) < RegistrationProperty.MOST:
            return ""
        return _("%(most)d is the most an event can have. Delete one that is set on no registration to add another.") % {
            "most": RegistrationProperty.MOST
        }

    def counted(self, event: EventConfig) -> str:
        return _("%(n)d of %(most)d") % {"n": len(event.properties), "most": RegistrationProperty.MOST}

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        typed = form.cleaned_data
        return event_setup.save_property(transaction, event.id, event_setup.PropertyFacts(typed["code"], typed["name"], form.chosen), id)

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        event_setup.delete_property(transaction, event, id)


class Questions(SetupKind):
    """Questions, each with at most one tag (P6)."""

    url_name, thing, tag_kind, one = "questions", Thing.QUESTION, TagKind.QUESTION, True
    form = QuestionForm
    heading = gettext_lazy("Questions")
    lead = gettext_lazy("Just one tag for each question: mappings find answers by it, in every event.")
    untagged = gettext_lazy("No tag: mappings cannot use it.")
    save_note = gettext_lazy("You can save it without a tag, but then mappings can’t use the question.")
    empty = (gettext_lazy("No questions"), gettext_lazy("Registrations of this event have a profile only. Add the first question below."))
    add_title = gettext_lazy("Add a question")

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        return event.questions

    def name(self, row: Any) -> str:
        return str(row.label)

    def heads(self) -> list[str]:
        return [_("Label"), _("Code"), _("Type"), _("Options")]

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        options = ", ".join(row.options[:12]) + (" …" if len(row.options) > 12 else "")
        return [Cell(_("Code"), row.code, "code"), Cell(_("Type"), answerable_form.type_names()[row.type]), Cell(_("Options"), options)]

    def warnings(self, event: EventConfig, choices: TagChoices) -> dict[int, str]:
        warnings = {}
        for row in event.questions.values():
            others = [q.label for q in event.questions.values() if q.tag and q.tag == row.tag and q.id != row.id]
            if others:
                warnings[row.id] = _("Also on %(questions)s: a mapping joins their answers with “; ”") % {"questions": ", ".join(others)}
        return warnings

    def shown_at_first(self, row: Any, event: EventConfig, choices: TagChoices) -> dict[str, str]:
        return {**answerable_form.shown_at_first(row), "tag": str(row.tag or "")}

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        assert isinstance(form, QuestionForm)
        typed, tag = form.cleaned_data, next(iter(form.chosen), None)
        facts = event_setup.QuestionFacts(typed["code"], typed["label"], form.type_chosen, form.listed, tag)
        return event_setup.save_question(transaction, event.id, facts, id)

    def set_tags(self, transaction: SetupTransaction, id: int, tags: tuple[int, ...]) -> None:
        object_tags.set_question_tag(transaction, id, tags[0] if tags else None)

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        event_setup.delete_question(transaction, event, id)


class Sessions(SetupKind):
    """Sessions (P5). They have no tags; the statuses of their registrations have."""

    url_name, thing = "sessions", Thing.SESSION
    form = SessionForm
    heading = gettext_lazy("Sessions")
    lead = gettext_lazy("What people register for within the event. Flows decide by the status of the session registration.")
    empty = (gettext_lazy("No sessions"), gettext_lazy("People register for this event as a whole. Add the first session below."))
    add_title = gettext_lazy("Add a session")

    def list_rows(self, event: EventConfig) -> Mapping[int, Any]:
        return event.sessions

    def lead_of(self, event: EventConfig) -> str:
        return f"{self.lead} {_('Times in %(zone)s.') % {'zone': event.state.timezone}}"

    def heads(self) -> list[str]:
        return [_("Name"), _("Code"), _("Start"), _("End"), _("Registrations")]

    def cells(self, row: Any, counts: UsageCounts) -> list[Cell]:
        start, end = (minute_in(at, counts.event.state.timezone) for at in (row.start, row.end))
        return [Cell(_("Code"), row.code, "code"), Cell(_("Start"), start), Cell(_("End"), end), *counts.cell(_("Registrations"), row.id)]

    def shown_at_first(self, row: Any, event: EventConfig, choices: TagChoices) -> dict[str, str]:
        zone = event.state.timezone
        return {"name": row.name, "code": row.code, "start": written_local(row.start, zone), "end": written_local(row.end, zone)}

    def save(self, transaction: SetupTransaction, event: EventConfig, form: KindForm, id: int | None) -> Any:
        typed = form.cleaned_data
        zone = event.state.timezone
        stored = event.sessions.get(id or 0)
        start = parse_local(typed["start"], zone, "start", stored.start if stored else None)
        end = parse_local(typed["end"], zone, "end", stored.end if stored else None)
        return event_setup.save_session(transaction, event.id, event_setup.SessionFacts(typed["code"], typed["name"], start, end), id)

    def delete(self, transaction: SetupTransaction, event: int, id: int) -> None:
        event_setup.delete_session(transaction, event, id)


KINDS: Mapping[str, SetupKind] = {kind.url_name: kind for kind in (Statuses(), Types(), Questions(), Sessions(), Properties())}
