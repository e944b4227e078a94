"""The forms of an event, and a read-only version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.setup.event_draft import values_of
from heliograph.setup.form_values import FormValues, one, takes_many
from heliograph.setup.setup_errors import Invalid
from heliograph.setup.views.answer_fields import answer_field
from heliograph.setup.views.tag_chips import TagChips, TagChoices, offer
from heliograph.web.form_fields import Hidden, Select, TextLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice, FormField, Pair
from heliograph.web.templatetags.moments import minute_in
from heliograph.web.texts import LONGEST_OPENED
from heliograph.web.timezone_field import TimezoneField

type Sections = list[tuple[str, str, list[FormField | Pair]]]


class EventNameForm(Form):
    """An event's name and times."""

    pairs: ClassVar[Sequence[tuple[str, str]]] = (("name", "code"), ("start", "end"))

    name = TextLine(gettext_lazy("Name"), required=True, autocomplete="off")
    code = TextLine(
        gettext_lazy("Code"),
        required=True,
        help=gettext_lazy("1 to 25 letters, digits and dashes. Identifies the event for senders and flow filters."),
        autocomplete="off",
    )
    start = TextLine(gettext_lazy("Start"), optional=True, type="datetime-local")
    end = TextLine(gettext_lazy("End"), optional=True, type="datetime-local")

    def values(self) -> FormValues:
        """The posted values, by the names used in `event_draft`. Values that the page did not post are omitted."""
        return {name: one(self.cleaned_data[name]) for name in self.cleaned_data if name in self.data}

    def refuse_event(self, error: Invalid) -> None:
        """Adds the service's errors."""
        self.refuse(error)


class NewEventForm(EventNameForm):
    """An event without its tags and custom data."""

    pairs = (("name", "code"), ("start", "end"), ("timezone", "location"))

    timezone = TimezoneField()
    location = TextLine(gettext_lazy("Location"), optional=True, autocomplete="off")


class EventForm(NewEventForm):
    """The whole event."""

    tags = TagChips()
    opened = Hidden(longest=LONGEST_OPENED)
    """The values that the form showed, so that only changed ones are saved."""

    def __init__(self, *args: Any, event: EventConfig, config: AccountConfig, **given: Any) -> None:
        self.stored = values_of(event.state, config)
        self._config = config
        choices = TagChoices(config.tags, TagKind.EVENT)
        many = {f"custom.{id}" for id, field in config.event_fields.items() if takes_many(field)}
        initial: dict[str, Any] = {name: texts if name in many else next(iter(texts), "") for name, texts in self.stored.items()}
        initial["tags"] = choices.text(int(tag) for tag in self.stored["tags"])
        super().__init__(*args, initial=initial, **given)
        statuses = [Choice(str(status.id), status.name) for status in config.event_statuses.values()]
        self.fields["status"] = Select(gettext_lazy("Event status"), options=statuses, any_value=True)
        self.custom = {f"custom.{id}": answer_field(field) for id, field in config.event_fields.items()}
        self.fields |= self.custom
        offer(self, "tags", choices)

    def values(self) -> FormValues:
        """The posted values, with tags as ids. A custom field without a posted value is empty, because browsers omit unticked boxes."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "opened"}
        values: FormValues = {name: one(value) for name, value in given.items() if isinstance(value, str) and name in self.data}
        values |= {
            name: tuple(filter(None, [value] if isinstance(value, str) else value)) for name, value in given.items() if name in self.custom
        }
        if "tags" in given and "tags" in self.data:
            values["tags"] = tuple(str(id) for id in sorted(given["tags"]))
        return values

    def refuse_event(self, error: Invalid) -> None:
        """Adds the service's errors, which name custom fields by code."""
        self.refuse(error, names={f"custom.{field.code}": f"custom.{id}" for id, field in self._config.event_fields.items()})

    def refusals(self) -> list[str]:
        """The errors, each with its field's label."""
        sentences = {name: " ".join(str(error) for error in errors) for name, errors in self.errors.items()}
        return [f"{self.fields[name].label}: {text}" if name in self.fields else text for name, text in sentences.items()]

    def draw_field(self, name: str) -> FormField:
        """Draws a field; one that the page did not post with its stored value."""
        if self.is_bound and name not in self.data and name not in self.custom:
            return self.field(name).draw_field(name, self.initial.get(name), [str(error) for error in self.errors.get(name, ())])
        return super().draw_field(name)

    def sections(self, *, status: str = "") -> Sections:
        """The whole form, by section.

        status: why the status cannot be changed now; "" if it can.
        """
        custom = [self.draw_field(name) for name in self.custom]
        return [
            (_("Event"), "", self.draw_fields("name", "code", "start", "end", "timezone", "location")),
            (_("Status"), status, [] if status else self.draw_fields("status")),
            (_("Tags"), _("To filter by event in flows"), self.draw_fields("tags")),
            *([(_("Event Data"), _("The account’s custom event fields"), paired(custom))] if custom else []),
        ]


def paired(fields: list[FormField]) -> list[FormField | Pair]:
    """The fields, with short ones side by side in pairs."""
    rows: list[FormField | Pair] = []
    for field in fields:
        last = rows[-1] if rows else None
        if isinstance(last, FormField) and last.kind in ("text", "select") and field.kind in ("text", "select"):
            rows[-1] = Pair((last, field))
        else:
            rows.append(field)
    return rows


def facts_of(event: EventConfig, config: AccountConfig) -> list[tuple[str, str]]:
    """The event as text, for users who may only read."""
    status = config.event_statuses.get(event.state.status)
    facts = [
        (_("Code"), event.code),
        (_("Event status"), status.name if status else ""),
        (_("Start"), minute_in(event.state.start, event.state.timezone)),
        (_("End"), minute_in(event.state.end, event.state.timezone)),
        (_("Timezone"), event.state.timezone),
        (_("Location"), event.state.location),
        (_("Tags"), ", ".join(TagChoices(config.tags, TagKind.EVENT).labels(event.state.tags))),
        *((f.label, ", ".join(event.state.custom.get(f.id, ()))) for f in config.event_fields.values()),
    ]
    return [(name, text) for name, text in facts if text]
