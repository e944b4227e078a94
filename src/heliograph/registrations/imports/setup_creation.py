"""Creates the chosen missing things, or for a dry run only simulates them, by the same plan."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.mapping.json_bodies import is_one_line
from heliograph.domain.sentence_template import Sentence
from heliograph.domain.setup.compiled_setup import EventConfig, EventState, Field, Named, Session, Status
from heliograph.domain.setup.statuses import DEFAULT_EVENT_STATUS, StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.registrations.imports.answer_types import can_be_named
from heliograph.registrations.imports.columns import Known
from heliograph.registrations.imports.import_errors import ImportFileError
from heliograph.registrations.imports.missing_setup import (
    EVENTS,
    FIELDS,
    OPTIONS,
    PROPERTIES,
    QUESTIONS,
    SESSIONS,
    STATUSES,
    TYPES,
    Lack,
)
from heliograph.registrations.imports.values import DateOrder, moment, zone
from heliograph.setup.models import AttendeeType, CustomField, Question, RegistrationProperty, RegistrationStatus, Tag
from heliograph.setup.models import Session as SessionRow
from heliograph.setup.name_fields import CODE_LENGTH, FIELD_CODE_LENGTH, NAME_LENGTH, code_for
from heliograph.setup.services import event_setup
from heliograph.setup.services.custom_fields import FieldFacts, save_field
from heliograph.setup.services.events import save_event
from heliograph.setup.services.setup_save import saving
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, SetupError

_IMAGINED: Final = 1 << 60  # ids that no database generates
_EVENT_CODE: Final = re.compile(r"[A-Za-z0-9-]{1,25}", re.ASCII)
TAG_KINDS: Final[Mapping[str, TagKind]] = {
    EVENTS: TagKind.EVENT,
    STATUSES: TagKind.REGISTRATION_STATUS,
    TYPES: TagKind.ATTENDEE_TYPE,
    PROPERTIES: TagKind.REGISTRATION_PROPERTY,
    QUESTIONS: TagKind.QUESTION,
}


class CannotCreate(ImportFileError):
    """What the account is missing could not be created."""


def possible(lack: Lack) -> bool:
    """True if a thing with such a name can exist at all; half a page in a cell is not a status."""
    if lack.kind == EVENTS:
        return _EVENT_CODE.fullmatch(lack.event) is not None
    if lack.kind in (QUESTIONS, FIELDS, OPTIONS):
        return can_be_named(lack.name)
    longest = 200 if lack.kind == SESSIONS else NAME_LENGTH
    return len(lack.name) <= longest and is_one_line(lack.name)


def event_state(code: str, facts: Mapping[str, Any], account: AccountConfig, order: DateOrder, tags: tuple[int, ...] = ()) -> EventState:
    """An event as described by its rows."""
    names = {s.name.casefold(): id for id, s in account.event_statuses.items()}
    status = names.get(str(facts.get("status", "")).casefold(), names.get(DEFAULT_EVENT_STATUS.casefold(), 0))
    timezone = str(facts.get("timezone") or account.timezone)
    local = zone(timezone)
    start, end = (moment(str(facts.get(part, "")), order, local) for part in ("start", "end"))
    return EventState(
        code=code,
        name=str(facts.get("name") or code)[:200],
        status=status,
        start=start,
        end=end if not (start and end and end < start) else None,
        timezone=timezone if str(local) == timezone else account.timezone,
        location=str(facts.get("location", ""))[:300],
        tags=tags,
    )


# --- simulated


def imagine(known: Known, chosen: Sequence[Lack], order: DateOrder) -> Known:
    """The configuration as it would be with the chosen things and their tags. A dry run checks rows and evaluates flows with it."""
    ids = itertools.count(_IMAGINED)
    account = known.account
    tags = {tag.name.casefold(): id for id, tag in account.tags.items()}
    fields = dict(account.profile_fields)
    for lack in chosen:
        if lack.kind == FIELDS:
            id = next(ids)
            fields[id] = Field(id, lack.name, lack.name, str(lack.facts["type"]), tuple(lack.facts["options"]))
    account = replace(account, profile_fields=_with_options(fields, [x for x in chosen if x.kind == OPTIONS and not x.event]))
    events = {e.code: e for e in known.events}
    for lack in chosen:
        if lack.kind == EVENTS:
            state = event_state(lack.event, lack.facts, account, order, _known_tags(lack, tags))
            events[lack.event] = EventConfig(next(ids), account.id, 0, state)
    for lack in chosen:
        if lack.kind in (STATUSES, TYPES, PROPERTIES, SESSIONS, QUESTIONS):
            events[lack.event] = _imagined(events[lack.event], lack, next(ids), _known_tags(lack, tags))
    for code in {x.event for x in chosen if x.kind == OPTIONS and x.event}:
        options = [x for x in chosen if x.kind == OPTIONS and x.event == code]
        events[code] = replace(events[code], questions=_with_options(dict(events[code].questions), options))
    return Known(account, list(events.values()))


def _known_tags(lack: Lack, tags: Mapping[str, int]) -> tuple[int, ...]:
    """The ids of its tags that exist; the import itself refuses the others."""
    return tuple(tags[name.casefold()] for name in lack.tags if name.casefold() in tags)


def _imagined(event: EventConfig, lack: Lack, id: int, tags: tuple[int, ...]) -> EventConfig:
    name, carried = lack.name, frozenset(tags)
    if lack.kind == STATUSES:
        status = Status(id, name, name, carried, StatusClass(lack.facts["class"]))
        return replace(event, statuses={**event.statuses, id: status})
    if lack.kind == TYPES:
        return replace(event, types={**event.types, id: Named(id, name, name, carried)})
    if lack.kind == PROPERTIES:
        return replace(event, properties={**event.properties, id: Named(id, name, name, carried)})
    if lack.kind == SESSIONS:
        return replace(event, sessions={**event.sessions, id: Session(id, name, name)})
    question = Field(id, name, name, str(lack.facts["type"]), tuple(lack.facts["options"]), tags[0] if tags else None)
    return replace(event, questions={**event.questions, id: question})


def _with_options(fields: dict[int, Field], options: Iterable[Lack]) -> dict[int, Field]:
    for lack in options:
        for id, field in fields.items():
            if _is_named(lack.parent, field.code, field.label):
                fields[id] = replace(field, options=(*field.options, lack.name))
    return fields


def _is_named(name: str, code: str, label: str) -> bool:
    """As documents name a field: by its code, or by its label in any case."""
    return name == code or name.casefold() == label.casefold()


# --- created


def create(account: int, chosen: Sequence[Lack], known: Known, *, by: str, quiet: bool, order: DateOrder) -> list[Sentence]:
    """Creates the chosen things in the caller's transaction. Returns what was created. Raises CannotCreate."""
    if not chosen:
        return []
    ids = {e.code: e.id for e in known.events}
    touched = {ids[x.event] for x in chosen if x.event in ids}
    whole = any(x.kind in (EVENTS, FIELDS) or not x.event for x in chosen)
    created = []
    with saving(account, by=by, events=touched, whole_account=whole) as transaction:
        tags = {tag.name.casefold(): tag for tag in Tag.objects.all()}
        for lack in sorted(chosen, key=lambda x: (x.kind == OPTIONS, x.kind != EVENTS)):
            try:
                _create_one(transaction, lack, ids, known.account, _tag_ids(lack, tags), quiet=quiet, order=order)
            except (SetupError, Invalid) as error:
                raise CannotCreate(
                    "%(thing)s cannot be created: %(error)s", thing=lack.full_words, error=Sentence(error.sentence)
                ) from error
            created.append(lack.full_words)
    return created


def _tag_ids(lack: Lack, tags: Mapping[str, Tag]) -> tuple[int, ...]:
    tag_ids = []
    for name in lack.tags:
        tag = tags.get(name.casefold())
        if tag is None:
            raise CannotCreate("There is no tag “%(tag)s”, which %(thing)s would have.", tag=name, thing=lack.full_words)
        tag_ids.append(int(tag.pk))
    if tag_ids and lack.kind not in TAG_KINDS:
        raise CannotCreate("%(thing)s cannot have tags.", thing=lack.full_words)
    return tuple(tag_ids)


def _create_one(
    transaction: SetupTransaction,
    lack: Lack,
    ids: dict[str, int],
    account: AccountConfig,
    tags: tuple[int, ...],
    *,
    quiet: bool,
    order: DateOrder,
) -> None:
    name, facts = lack.name, lack.facts
    if lack.kind == EVENTS:
        ids[lack.event] = save_event(transaction, event_state(lack.event, facts, account, order, tags), quiet=quiet)
        return
    if lack.kind == FIELDS:
        code = code_for(name, FIELD_CODE_LENGTH, CustomField.objects.filter(kind="profile").values_list("code", flat=True))
        save_field(transaction, FieldFacts("profile", code, name, str(facts["type"]), tuple(facts["options"])))
        return
    if lack.kind == OPTIONS:
        _add_option(transaction, lack, ids)
        return
    event = ids[lack.event]
    if lack.kind == STATUSES:
        code = code_for(name, CODE_LENGTH, _codes(RegistrationStatus, event))
        event_setup.save_status(transaction, event, event_setup.StatusFacts(code, name, StatusClass(facts["class"]), tags))
    elif lack.kind == TYPES:
        event_setup.save_type(
            transaction, event, event_setup.TypeFacts(code_for(name, CODE_LENGTH, _codes(AttendeeType, event)), name, tags)
        )
    elif lack.kind == PROPERTIES:
        code = code_for(name, CODE_LENGTH, _codes(RegistrationProperty, event))
        event_setup.save_property(transaction, event, event_setup.PropertyFacts(code, name, tags))
    elif lack.kind == SESSIONS:
        event_setup.save_session(transaction, event, event_setup.SessionFacts(code_for(name, CODE_LENGTH, _codes(SessionRow, event)), name))
    else:
        code = code_for(name, FIELD_CODE_LENGTH, _codes(Question, event))
        facts_ = event_setup.QuestionFacts(code, name, str(facts["type"]), tuple(facts["options"]), tags[0] if tags else None)
        event_setup.save_question(transaction, event, facts_)


def _codes(model: Any, event: int) -> list[str]:
    """The codes that are taken in an event. For statuses, these include the codes and names of the standard ones."""
    taken = list(model.objects.filter(event=event).values_list("code", flat=True))
    if model is RegistrationStatus:
        taken += [text for row in model.objects.filter(event=None).values_list("code", "name") for text in row]
    return taken


def _add_option(transaction: SetupTransaction, lack: Lack, ids: Mapping[str, int]) -> None:
    if lack.event:
        rows = [
            question for question in Question.objects.filter(event=ids[lack.event]) if _is_named(lack.parent, question.code, question.label)
        ]
        for question in rows:
            facts = event_setup.QuestionFacts(question.code, question.label, question.type, (*question.options, lack.name), question.tag_id)
            event_setup.save_question(transaction, ids[lack.event], facts, question.pk)
        return
    for field in CustomField.objects.filter(kind="profile"):
        if _is_named(lack.parent, field.code, field.label):
            save_field(transaction, FieldFacts("profile", field.code, field.label, field.type, (*field.options, lack.name)), field.pk)
