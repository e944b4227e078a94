"""The fields of an event's form, and the same as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from heliograph.domain.flow.configuration import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.domain.setup.configuration import EventConfig
from heliograph.domain.setup.tags import TagKind
from heliograph.setup.form_values import Values
from heliograph.setup.views.answer_fields import question_field
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.fields import Choice, Field, Pair
from heliograph.web.templatetags.moments import minute_in
from heliograph.web.timezone_field import timezone_field

type Sections = list[tuple[str, str, list[Field | Pair]]]


def posted(form: QueryDict, config: AccountConfig) -> tuple[Values, dict[str, str]]:
    """What the form was sent with, and what could not be read. Tags come as labels and are kept as ids."""
    values: Values = {}
    for name in ("code", "name", "location", "timezone", "start", "end", "status"):
        if name in form:
            values[name] = tuple(text for text in (form.get(name, "").strip(),) if text)
    for id in config.event_fields:
        values[f"custom.{id}"] = tuple(text for text in form.getlist(f"custom.{id}") if text)
    errors = {}
    if "tags" in form:
        typed = TagChoices(config.tags, TagKind.EVENT).read(form.get("tags", ""))
        values["tags"] = tuple(str(id) for id in sorted(typed.ids))
        if typed.error:
            errors["tags"] = typed.error
    return values, errors


def fields_of(values: Values, errors: Mapping[str, str], *, code_help: bool = True) -> list[Field | Pair]:
    """Name and code, start and end, timezone and location."""

    def text(id: str, label: str, **more: Any) -> Field:
        return Field(id=id, label=label, value=_first(values, id), error=errors.get(id, ""), autocomplete="off", **more)

    said = _("1 to 25 letters, digits and dashes. Senders and flow filters know the event by it.") if code_help else ""
    return [
        Pair((text("name", _("Name"), required=True), text("code", _("Code"), required=True, help=said))),
        times(values, errors),
        Pair((timezone_field(_first(values, "timezone"), errors), text("location", _("Location"), optional=True))),
    ]


def times(values: Values, errors: Mapping[str, str]) -> Pair:
    """Start and end, in the event's own time zone."""
    start, end = (
        Field(id=id, label=label, value=_first(values, id), error=errors.get(id, ""), optional=True, type="datetime-local")
        for id, label in (("start", _("Start")), ("end", _("End")))
    )
    return Pair((start, end))


def status_field(values: Values, errors: Mapping[str, str], config: AccountConfig, help: str = "") -> Field:
    """The event's status."""
    options = [Choice(str(status.id), status.name) for status in config.event_statuses.values()]
    return Field(
        kind="select",
        id="status",
        label=_("Event status"),
        value=_first(values, "status"),
        options=options,
        help=help,
        error=errors.get("status", ""),
    )


def sections_of(
    config: AccountConfig, values: Values, errors: Mapping[str, str], typed_tags: str | None, *, status: Field | str
) -> Sections:
    """The whole form. status: its field, or a sentence where it cannot be changed now."""
    choices = TagChoices(config.tags, TagKind.EVENT)
    shown = typed_tags if typed_tags is not None else choices.text(int(tag) for tag in values.get("tags", ()))
    tags = Field(
        kind="chips",
        id="tags",
        label=_("Tags"),
        value=[word.strip() for word in shown.split(";") if word.strip()],
        options=choices.options,
        optional=True,
        placeholder=_("Add a tag"),
        glue=_("and"),
        error=errors.get("tags", ""),
    )
    custom = [question_field(f"custom.{f.id}", f, values, errors) for f in config.event_fields.values()]
    return [
        (_("Event"), "", fields_of(values, errors)),
        (_("Status"), status if isinstance(status, str) else "", [] if isinstance(status, str) else [status]),
        (_("Tags"), _("To filter by event in flows"), [tags]),
        *([(_("Event Data"), _("The account’s custom event fields"), paired(custom))] if custom else []),
    ]


def paired(fields: list[Field]) -> list[Field | Pair]:
    """Two short ones beside each other."""
    out: list[Field | Pair] = []
    for field in fields:
        last = out[-1] if out else None
        if isinstance(last, Field) and last.kind in ("text", "select") and field.kind in ("text", "select"):
            out[-1] = Pair((last, field))
        else:
            out.append(field)
    return out


def facts_of(event: EventConfig, config: AccountConfig) -> list[tuple[str, str]]:
    """The same as text, for those who may only read."""
    status = config.event_statuses.get(event.state.status)
    found = [
        (_("Code"), event.code),
        (_("Event status"), status.name if status else ""),
        (_("Start"), minute_in(event.state.start, event.state.timezone)),
        (_("End"), minute_in(event.state.end, event.state.timezone)),
        (_("Timezone"), event.state.timezone),
        (_("Location"), event.state.location),
        (_("Tags"), ", ".join(TagChoices(config.tags, TagKind.EVENT).labels(event.state.tags))),
        *((f.label, ", ".join(event.state.custom.get(f.id, ()))) for f in config.event_fields.values()),
    ]
    return [(name, text) for name, text in found if text]


def label_of(name: str, config: AccountConfig) -> str:
    """A field's label by its name."""
    area, _dot, rest = name.partition(".")
    if area == "custom":
        field = config.event_fields.get(read_id(rest) or 0)
        return field.label if field else rest
    known = {
        "code": _("Code"),
        "name": _("Name"),
        "start": _("Start"),
        "end": _("End"),
        "timezone": _("Timezone"),
        "location": _("Location"),
        "status": _("Event status"),
        "tags": _("Tags"),
    }
    return known.get(name, name)


def _first(values: Values, name: str) -> str:
    found = values.get(name, ())
    return found[0] if found else ""
