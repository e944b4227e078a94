"""The form of one event: its values, the changes made in it, and conflicting changes by two people (P2).

A form posts both what it showed and its current values; only the differences are saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.ids import read_id
from heliograph.domain.registration.document import check_answers
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.setup.compiled_setup import EventState
from heliograph.setup.form_values import FormValues, Texts, one
from heliograph.setup.local_times import parse_local, written_local
from heliograph.setup.setup_errors import Invalid

PLAIN = ("code", "name", "location", "timezone")


def values_of(state: EventState, config: AccountConfig) -> FormValues:
    """The values that a form of the event shows, by field.

    code, name, location, timezone
    status        an id
    start, end    local times
    tags          ids
    custom.7      the answer to the custom field with the id 7
    """
    values: FormValues = {name: one(getattr(state, name)) for name in PLAIN}
    values["status"] = (str(state.status),)
    values["start"], values["end"] = (one(written_local(at, state.timezone)) for at in (state.start, state.end))
    values["tags"] = tuple(str(tag) for tag in state.tags)
    values |= {f"custom.{id}": tuple(state.custom.get(id, ())) for id in config.event_fields}
    return values


def changed_state(state: EventState, changes: Mapping[str, Texts], config: AccountConfig) -> EventState:
    """The state with the form's changes. Raises Invalid for values that cannot be read; the service checks the rest."""
    problems: dict[str, list[str]] = {}
    code, name, location, zone = (_text(changes, field, getattr(state, field)) for field in PLAIN)
    new = replace(state, code=code, name=name, location=location, timezone=zone)
    times: dict[str, datetime | None] = {}
    for part in ("start", "end"):
        stored = getattr(state, part)
        # If only the time zone changes, the local times stay, so they become other instants.
        text = _text(changes, part, written_local(stored, state.timezone))
        try:
            times[part] = parse_local(text, zone, part, stored if zone == state.timezone else None)
        except Invalid as error:
            problems |= {field: list(sentences) for field, sentences in error.fields.items()}
        except (KeyError, ValueError, OSError):  # no such time zone
            problems["timezone"] = [_("This is not a time zone.")]
    custom = dict(state.custom)
    for id, field in config.event_fields.items():
        given = changes.get(f"custom.{id}")
        if given is None:
            continue
        custom[id] = given
        try:
            check_answers({id: given}, config.event_fields, "custom")
        except DocumentRefused as refused:
            problems[f"custom.{field.id}"] = [problem.reason for problem in refused.problems]
    if problems:
        raise Invalid(problems)
    if "status" in changes:
        chosen = _text(changes, "status", "")
        new = replace(new, status=read_id(chosen) or 0)
    if "tags" in changes:
        new = replace(new, tags=tuple(int(tag) for tag in changes["tags"]))
    return replace(new, custom={id: values for id, values in custom.items() if values}, start=times["start"], end=times["end"])


def _text(changes: Mapping[str, Texts], name: str, before: str) -> str:
    if name not in changes:
        return before
    return changes[name][0] if changes[name] else ""
