"""The form of a registration, and its read-only version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import batched
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from heliograph.domain.ids import read_id
from heliograph.domain.setup.compiled_setup import Field
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES, StandardProperty, TagKind
from heliograph.recording.items import ItemResult
from heliograph.registrations import draft
from heliograph.registrations.draft import Opened
from heliograph.registrations.views.problems import problem_sentence
from heliograph.setup.coverage import watched
from heliograph.setup.form_values import FormValues, Texts, plain
from heliograph.setup.views.answer_fields import AUTOCOMPLETE, question_field
from heliograph.web.field_names import standard_name
from heliograph.web.form_fields import Ticks
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice, FormField, Pair
from heliograph.web.templatetags.moments import short_moment

FIRST = ("first_name", "last_name", "email", "mobile", "organization", "position", "country")
LONG = ("notes",)


class TextsField(Ticks):
    """A field of a registration: a list of texts, none of them empty. Whether they are allowed is checked when they are recorded."""

    def __init__(self, label: str, draw: Callable[[Texts, str], FormField]) -> None:
        """draw: builds the rendered field from the texts and the error."""
        super().__init__(label)
        self.draw = draw

    def to_python(self, value: Any) -> Texts:
        """The texts as they are compared: a line break is one character."""
        return tuple(text for text in map(plain, super().to_python(value)) if text)

    def draw_field(self, name: str, value: Any, errors: Sequence[str]) -> FormField:
        return self.draw(self.to_python(value), " ".join(errors))


class RegistrationForm(Form):
    """The fields of a registration according to its account and event; their names are those of setup/form_values.py.

    values: what the form shows, by field: stored values, overwritten by typed ones.
    """

    def __init__(self, registration: Opened, data: QueryDict | None = None, **given: Any) -> None:
        super().__init__(data, **given)
        self.registration, self.stored = registration, draft.values_of(registration)
        self.values = dict(self.stored)
        for name, draw in self._drawings().items():
            self.fields[name] = TextsField(label_of(name, registration), draw)

    def typed(self, names: Iterable[str]) -> FormValues:
        """The values typed into these fields; fields that this registration lacks are omitted."""
        typed_values = {name: self.cleaned_data[name] for name in names if isinstance(self.fields.get(name), TextsField)}
        if "properties" in typed_values:
            typed_values["properties"] = tuple(sorted(typed_values["properties"]))
        return typed_values

    def draw_field(self, name: str) -> FormField:
        """One field with its value. A field that was created after the form was opened shows its stored value."""
        field = self.fields[name]
        if not isinstance(field, TextsField):
            return super().draw_field(name)
        return field.draw_field(name, self.values[name], [str(error) for error in self[name].errors])

    def refuse_answer(self, answer: ItemResult) -> None:
        """Adds recording's errors."""
        for name, text in {draft.field_of(p, self.registration): problem_sentence(p.reason, p.allowed) for p in answer.problems}.items():
            if name in self.fields:
                self.add_error(name, text)
            else:
                self.add_error(None, f"{label_of(name, self.registration)}: {text}" if name else text)

    def draw_callout(self) -> dict[str, Any] | None:
        """The errors field by field, because not all fields are visible."""
        if not self.refused:
            return None
        items: list[str] = []
        for name, errors in self.errors.items():
            texts = [str(error) for error in errors]
            items += texts if name == NON_FIELD_ERRORS else [f"{self.fields[name].label}: {' '.join(texts)}"]
        title = ngettext("Not saved: %(n)d field is refused", "Not saved: %(n)d fields are refused", len(items)) % {"n": len(items)}
        return {"tone": "failed", "title": title, "text": _("What you wrote is still here."), "items": items}

    def sections(self) -> dict[str, Any]:
        """The sections in registrations/registration.html."""
        registration = self.registration
        more = [self.draw_field(f"profile.{name}") for name in PROFILE_FIELDS if name not in FIRST]
        return {
            "profile": [
                *_paired([self.draw_field(f"profile.{name}") for name in FIRST]),
                *_paired([self.draw_field(f"custom.{id}") for id in registration.account.profile_fields]),
            ],
            "profile_more": _paired(more),
            "more_open": any(field.error for field in more),
            "status_fields": [Pair((self.draw_field("status"), self.draw_field("attendee_type"))), self.draw_field("order_code")],
            "properties": self._properties(),
            "answers": _paired([self.draw_field(f"answer.{id}") for id in registration.event.questions]),
            "sessions": [
                {
                    "id": f"session.{session.id}",
                    "code": session.code,
                    "name": session.name,
                    "when": short_moment(session.start),
                    "value": _first(self.values[f"session.{session.id}"]),
                }
                for session in registration.event.sessions.values()
            ],
            "session_statuses": [Choice(session.name, session.name) for session in registration.account.session_statuses.values()],
        }

    def _drawings(self) -> dict[str, Callable[[Texts, str], FormField]]:
        registration = self.registration
        questions = {f"custom.{f.id}": f for f in registration.account.profile_fields.values()}
        questions |= {f"answer.{f.id}": f for f in registration.event.questions.values()}
        return {
            "status": partial(_status, registration),
            "attendee_type": partial(_attendee_type, registration),
            "order_code": partial(_line, "order_code", _("Order code")),
            "properties": _standard_properties,
            **{f"profile.{name}": partial(_profile, name) for name in PROFILE_FIELDS},
            **{name: partial(_question, name, question) for name, question in questions.items()},
            **{f"session.{s.id}": partial(_line, f"session.{s.id}", s.code) for s in registration.event.sessions.values()},
        }

    def _properties(self) -> list[FormField]:
        """The standard properties and those of the event: two fields with one name."""
        on, custom = self.values["properties"], [p.name for p in self.registration.event.properties.values()]
        standard = self.draw_field("properties")
        if not custom:
            return [standard]
        options = [Choice(name, name, name in on) for name in custom]
        return [standard, FormField(kind="checks", id="properties", label=_("Of this event"), extra="in-columns", options=options)]


def _first(values: Texts) -> str:
    return values[0] if values else ""


def _line(name: str, label: str, values: Texts, error: str) -> FormField:
    return FormField(id=name, label=label, value=_first(values), error=error, autocomplete=AUTOCOMPLETE)


def _profile(name: str, values: Texts, error: str) -> FormField:
    value = _first(values)
    return FormField(
        # A single-line input cannot hold a line break: the browser would remove it silently.
        kind="textarea" if name in LONG or "\n" in value else "text",
        id=f"profile.{name}",
        label=standard_name(PROFILE_FIELDS[name]),
        value=value,
        error=error,
        autocomplete=AUTOCOMPLETE,
        type="email" if name == "email" and not value else "",
    )


def _question(name: str, question: Field, values: Texts, error: str) -> FormField:
    return question_field(name, question, {name: values}, {name: error})


def _status(registration: Opened, values: Texts, error: str) -> FormField:
    known = {s.name: s for s in (*registration.account.statuses.values(), *registration.event.statuses.values())}
    value = _first(values)
    tags = (
        [registration.account.tags[t].label for t in sorted(known[value].tags) if t in registration.account.tags] if value in known else []
    )
    return FormField(
        kind="select",
        id="status",
        label=_("Status"),
        value=value,
        options=[Choice(s, s) for s in dict.fromkeys([*known, *values[:1]])],
        help=_("Tagged %(tags)s.") % {"tags": ", ".join(tags)} if tags else "",
        todo=""
        if tags or value not in known or not watched(TagKind.REGISTRATION_STATUS, registration.account).is_watched
        else _("No tag yet: a flow needs one, so the change waits in Retry."),
        error=error,
    )


def _attendee_type(registration: Opened, values: Texts, error: str) -> FormField:
    kinds = [k.name for k in registration.event.types.values()]
    return FormField(
        kind="select",
        id="attendee_type",
        label=_("Attendee type"),
        value=_first(values),
        placeholder=_("None"),
        options=[Choice(k, k) for k in dict.fromkeys([*kinds, *values[:1]])],
        error=error,
    )


def _standard_properties(values: Texts, error: str) -> FormField:
    test = STANDARD_PROPERTY_NAMES[StandardProperty.TEST]
    subs = {test: _("Test flows act on it, Live flows do not")}
    return FormField(
        kind="checks",
        id="properties",
        label=_("Standard"),
        extra="in-columns",
        error=error,
        options=[Choice(name, standard_name(name), name in values, subs.get(name, "")) for name in STANDARD_PROPERTY_NAMES.values()],
    )


def _paired(fields: Sequence[FormField]) -> list[FormField | Pair]:
    """Puts two short fields side by side."""
    rows: list[FormField | Pair] = []
    short: list[FormField] = []
    for field in fields:
        if field.kind in ("textarea", "checks"):
            rows += _pairs(short)
            rows.append(field)
            short = []
        else:
            short.append(field)
    return [*rows, *_pairs(short)]


def _pairs(fields: Sequence[FormField]) -> list[FormField | Pair]:
    return [Pair((pair[0], pair[1])) if len(pair) == 2 else pair[0] for pair in batched(fields, 2)]


def label_of(name: str, registration: Opened) -> str:
    """A field's label by its name."""
    area, _dot, rest = name.partition(".")
    known = {
        "status": _("Status"),
        "attendee_type": _("Attendee type"),
        "order_code": _("Order code"),
        "properties": _("Properties"),
        "active": _("Is Active"),
    }
    if area in known:
        return known[area]
    if area == "profile":
        return standard_name(PROFILE_FIELDS[rest]) if rest in PROFILE_FIELDS else rest
    if area == "session":
        session = registration.event.sessions.get(read_id(rest) or 0)
        return session.code if session else rest
    fields = registration.account.profile_fields if area == "custom" else registration.event.questions
    question = fields.get(read_id(rest) or 0)
    return question.label if question else name


def join_values(values: Texts) -> str:
    """The values as one text."""
    return ", ".join(values)


def blocks_of(registration: Opened, values: FormValues) -> list[tuple[str, list[tuple[str, str]]]]:
    """All non-empty fields as text, for users who may only read."""

    def filled(names: Sequence[str]) -> list[tuple[str, str]]:
        return [(label_of(name, registration), join_values(values[name])) for name in names if values.get(name)]

    blocks = [
        (
            _("Profile"),
            filled([*(f"profile.{n}" for n in PROFILE_FIELDS), *(f"custom.{id}" for id in registration.account.profile_fields)]),
        ),
        (_("Status"), filled(["status", "attendee_type", "order_code"])),
        (_("Properties"), [(_("Set"), join_values(values["properties"]) or _("none"))]),
        (pgettext("to questions", "Answers"), filled([f"answer.{id}" for id in registration.event.questions])),
        (_("Sessions"), filled([f"session.{id}" for id in registration.event.sessions])),
    ]
    return [(title, facts) for title, facts in blocks if facts]
