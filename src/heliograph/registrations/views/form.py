"""The fields of a registration's form, and the same as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Any

from django.utils.translation import gettext as _

from heliograph.domain.ids import read_id
from heliograph.domain.setup.fields import PROFILE_FIELDS
from heliograph.domain.setup.tags import STANDARD_PROPERTY_NAMES, StandardProperty
from heliograph.registrations.draft import Opened
from heliograph.setup.form_values import Texts, Values
from heliograph.setup.views.answer_fields import AUTOCOMPLETE, question_field
from heliograph.web.fields import Choice, Field, Pair
from heliograph.web.templatetags.moments import short_moment

FIRST = ("first_name", "last_name", "email", "mobile", "organization", "position", "country")
LONG = ("notes",)


def form_of(o: Opened, values: Values, errors: Mapping[str, str]) -> dict[str, Any]:
    """The form's sections, as registrations/registration.html shows them."""
    first = [_profile(name, values, errors) for name in FIRST]
    more = [_profile(name, values, errors) for name in PROFILE_FIELDS if name not in FIRST]
    custom = [question_field(f"custom.{f.id}", f, values, errors) for f in o.account.profile_fields.values()]
    return {
        "profile": [*_paired(first), *_paired(custom)],
        "profile_more": _paired(more),
        "more_open": any(field.error for field in more),
        "status_fields": _status(o, values, errors),
        "properties": _properties(o, values, errors),
        "answers": _paired([question_field(f"answer.{f.id}", f, values, errors) for f in o.event.questions.values()]),
        "sessions": [
            {
                "id": f"session.{s.id}",
                "code": s.code,
                "name": s.name,
                "when": short_moment(s.start),
                "value": _first(values.get(f"session.{s.id}", ())),
            }
            for s in o.event.sessions.values()
        ],
        "session_statuses": [Choice(s.name, s.name) for s in o.account.session_statuses.values()],
    }


def _first(values: Texts) -> str:
    return values[0] if values else ""


def _profile(name: str, values: Values, errors: Mapping[str, str]) -> Field:
    value = _first(values.get(f"profile.{name}", ()))
    return Field(
        # A line of text cannot hold a line break: the browser would take it away without a word.
        kind="textarea" if name in LONG or "\n" in value else "text",
        id=f"profile.{name}",
        label=_(PROFILE_FIELDS[name]),
        value=value,
        error=errors.get(f"profile.{name}", ""),
        autocomplete=AUTOCOMPLETE,
        type="email" if name == "email" and not value else "",
    )


def _status(o: Opened, values: Values, errors: Mapping[str, str]) -> list[Field | Pair]:
    statuses = [*o.account.statuses.values(), *o.event.statuses.values()]
    known = {s.name: s for s in statuses}
    value = _first(values["status"])
    tags = [o.account.tags[t].label for t in sorted(known[value].tags) if t in o.account.tags] if value in known else []
    kinds = [k.name for k in o.event.types.values()]
    kind = _first(values["attendee_type"])
    return [
        Pair(
            (
                Field(
                    kind="select",
                    id="status",
                    label=_("Status"),
                    value=value,
                    options=[Choice(s, s) for s in dict.fromkeys([*known, *([value] if value else [])])],
                    help=_("Tagged %(tags)s.") % {"tags": ", ".join(tags)} if tags else "",
                    todo=""
                    if tags or value not in known
                    else _("It carries no tag: when a flow decides by status, the registration waits in Retry."),
                    error=errors.get("status", ""),
                ),
                Field(
                    kind="select",
                    id="attendee_type",
                    label=_("Attendee type"),
                    value=kind,
                    placeholder=_("None"),
                    options=[Choice(k, k) for k in dict.fromkeys([*kinds, *([kind] if kind else [])])],
                    error=errors.get("attendee_type", ""),
                ),
            )
        ),
        Field(
            id="order_code",
            label=_("Order code"),
            value=_first(values["order_code"]),
            error=errors.get("order_code", ""),
            autocomplete=AUTOCOMPLETE,
        ),
    ]


def _properties(o: Opened, values: Values, errors: Mapping[str, str]) -> list[Field]:
    on = values["properties"]
    test = STANDARD_PROPERTY_NAMES[StandardProperty.TEST]
    subs = {test: _("Test flows take it, Live flows do not")}
    out = [
        Field(
            kind="checks",
            id="properties",
            label=_("Standard"),
            extra="in-columns",
            error=errors.get("properties", ""),
            options=[Choice(name, _(name), name in on, subs.get(name, "")) for name in STANDARD_PROPERTY_NAMES.values()],
        )
    ]
    custom = [p.name for p in o.event.properties.values()]
    if custom:
        out.append(
            Field(
                kind="checks",
                id="properties",
                label=_("Of this event"),
                extra="in-columns",
                options=[Choice(name, name, name in on) for name in custom],
            )
        )
    return out


def _paired(fields: Sequence[Field]) -> list[Field | Pair]:
    """Two beside each other where both are short."""
    out: list[Field | Pair] = []
    short: list[Field] = []
    for field in fields:
        if field.kind in ("textarea", "checks"):
            out += _pairs(short)
            out.append(field)
            short = []
        else:
            short.append(field)
    return [*out, *_pairs(short)]


def _pairs(fields: Sequence[Field]) -> list[Field | Pair]:
    return [Pair((pair[0], pair[1])) if len(pair) == 2 else pair[0] for pair in batched(fields, 2)]


def label_of(name: str, o: Opened) -> str:
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
        return _(PROFILE_FIELDS[rest]) if rest in PROFILE_FIELDS else rest
    if area == "session":
        session = o.event.sessions.get(read_id(rest) or 0)
        return session.code if session else rest
    fields = o.account.profile_fields if area == "custom" else o.event.questions
    found = fields.get(read_id(rest) or 0)
    return found.label if found else name


def shown(values: Texts) -> str:
    """Values as text."""
    return ", ".join(values)


def blocks_of(o: Opened, values: Values) -> list[tuple[str, list[tuple[str, str]]]]:
    """Everything that is filled, as text: for those who may only read."""

    def filled(names: Sequence[str]) -> list[tuple[str, str]]:
        return [(label_of(name, o), shown(values[name])) for name in names if values.get(name)]

    blocks = [
        (_("Profile"), filled([*(f"profile.{n}" for n in PROFILE_FIELDS), *(f"custom.{id}" for id in o.account.profile_fields)])),
        (_("Status"), filled(["status", "attendee_type", "order_code"])),
        (_("Properties"), [(_("Set"), shown(values["properties"]) or _("none"))]),
        (_("Answers"), filled([f"answer.{id}" for id in o.event.questions])),
        (_("Sessions"), filled([f"session.{id}" for id in o.event.sessions])),
    ]
    return [(title, facts) for title, facts in blocks if facts]
