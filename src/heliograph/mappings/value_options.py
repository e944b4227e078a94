"""The values that a source field can have, if the set-up determines them. A value map offers them, and warns of options without a row (M4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.mapping import SourceValue
from heliograph.domain.setup.compiled_setup import QuestionType, Status
from heliograph.domain.setup.fields import FieldError, FieldGroup, parse_source
from heliograph.domain.setup.statuses import StatusClass
from heliograph.setup.models import AttendeeType, Question, RegistrationStatus

FLAGS = ("Yes", "No")
MOST = 1_000
"""Most values of one field that are offered."""


def value_options(key: str, config: AccountConfig) -> tuple[str, ...]:
    """The values that a source can have, in the order of the set-up; empty if any text is possible. Needs the account's scope."""
    try:
        parsed = parse_source(key.removeprefix("previous."))
    except FieldError:
        return ()
    named: dict[str, Callable[[], Iterable[str]]] = {
        "registration.status": lambda: [
            *_names(config.statuses),
            *RegistrationStatus.objects.filter(event__isnull=False).values_list("name", flat=True),
        ],
        "registration.status_class": lambda: [each.value for each in StatusClass],
        "registration.attendee_type": lambda: AttendeeType.objects.values_list("name", flat=True),
        "registration.active": lambda: FLAGS,
        "registration.test": lambda: FLAGS,
        "event.status": lambda: _names(config.event_statuses),
        "session.status": lambda: _names(config.session_statuses),
        "macro.previous_status": lambda: value_options("registration.status", config),
    }
    if parsed.key in named:
        return _first(named[parsed.key]())
    if parsed.group in (FieldGroup.STANDARD_PROPERTIES, FieldGroup.CUSTOM_PROPERTIES):
        return FLAGS
    if parsed.group in (FieldGroup.PROFILE_CUSTOM, FieldGroup.EVENT_CUSTOM):
        field = (config.profile_fields if parsed.group is FieldGroup.PROFILE_CUSTOM else config.event_fields).get(parsed.id or 0)
        return _given(field.type, field.options) if field else ()
    if parsed.name == "answer":
        questions = Question.objects.filter(tag=parsed.id).order_by("-event_id", "position", "pk").values_list("type", "options")
        return _first(option for kind, options in questions[:MOST] for option in _given(kind, options))
    return ()


def unlisted(source: SourceValue, options: Iterable[str]) -> list[str]:
    """The options for which the source's value map has no row; empty if it has no map."""
    if source.value_map is None or not source.value_map.entries:
        return []
    listed = {old.strip().casefold() for old, _new in source.value_map.entries}
    return [option for option in options if option.strip().casefold() not in listed]


def _given(type: str, options: Iterable[str]) -> tuple[str, ...]:
    return tuple(options) or (FLAGS if type == QuestionType.CHECKBOX else ())


def _names(statuses: Mapping[int, Status]) -> list[str]:
    return [status.name for status in statuses.values()]


def _first(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))[:MOST]
