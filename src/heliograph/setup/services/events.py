"""Creates, saves and copies events (P2). Every save is recorded as a change, like a registration's (P10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from heliograph.accounts import audit
from heliograph.accounts.audit import Deed
from heliograph.accounts.models import validate_timezone
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.filters import plain
from heliograph.domain.registration.change import KEEP, Keep
from heliograph.domain.registration.document import check_answers
from heliograph.domain.registration.document_values import DocumentRefused
from heliograph.domain.sentence_template import gettext_noop
from heliograph.domain.setup.compiled_setup import EventConfig, EventState
from heliograph.domain.setup.statuses import DEFAULT_EVENT_STATUS, StatusClass
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.domain.snapshot import event_body
from heliograph.recording.event_record import EventCodeTaken, record_event
from heliograph.setup.local_times import in_utc
from heliograph.setup.models import EventTag
from heliograph.setup.name_fields import CODE_LENGTH, event_code, storable
from heliograph.setup.services import dependents, event_setup
from heliograph.setup.services.object_tags import usable_tags
from heliograph.setup.services.transaction import SetupTransaction
from heliograph.setup.setup_errors import Invalid, NotThere, SetupError
from heliograph.store.models import Event, Registration

NAME_LENGTH = 200
LOCATION_LENGTH = 300


class MarksFirst(SetupError):
    """The event leaves Planning or Testing: its registrations have to be marked Test before its status can change (P9). registrations: how many."""

    def __init__(self, registrations: int) -> None:
        self.registrations = registrations
        super().__init__(gettext_noop("%(count)s registrations have to be marked Test first."), count=registrations)


def new_event(config: AccountConfig) -> EventState:
    """The state of a new event: in Testing, in the account's time zone, without a code and a name."""
    return EventState("", "", _first_status(config, 0), timezone=config.timezone)


def _first_status(config: AccountConfig, otherwise: int) -> int:
    return next((status.id for status in config.event_statuses.values() if status.name == DEFAULT_EVENT_STATUS), otherwise)


def save_event(
    transaction: SetupTransaction, state: EventState, id: int | None = None, *, quiet: bool = False, confirmed: bool = False
) -> int:
    """Creates (id None) or saves an event with its tags and custom answers, and records the change. Returns its id.

    quiet: the change is recorded, and no flow judges it.
    confirmed: saves even if flows filter by the code or the name that the event loses.
    Raises Invalid, NotThere, MarksFirst, LosesValues.
    """
    if id is not None:
        transaction.needs_event(id)
    transaction.write_account()
    config = transaction.provider.account(transaction.account)
    state = _checked(state, config)
    before = transaction.provider.event(id).state if id is not None else None
    if id is not None and before is not None and config.is_test_event(before.status) and not config.is_test_event(state.status):
        unmarked = Registration.objects.filter(event_id=id, is_test=False, erased_at__isnull=True).count()
        if unmarked:
            raise MarksFirst(unmarked)
    try:
        recorded = record_event(
            transaction.db, transaction.account, id, state, by=transaction.by, provider=transaction.provider, quiet=quiet
        )
    except EventCodeTaken as error:
        raise Invalid({"code": [error.sentence]}) from None
    if before is not None:
        _loses(transaction, before, state, confirmed=confirmed)
    if recorded.created:
        transaction.events.add(recorded.event)  # nobody else can see it yet, so it needs no lock
    has = set(EventTag.objects.filter(event=recorded.event).values_list("tag_id", flat=True))
    EventTag.objects.filter(event=recorded.event, tag_id__in=has - set(state.tags)).delete()
    EventTag.objects.bulk_create(
        EventTag(account_id=transaction.account, event_id=recorded.event, tag_id=tag) for tag in state.tags if tag not in has
    )
    audit.note(
        transaction.db,
        transaction.account,
        by=transaction.by,
        what=Deed.CREATED if before is None else Deed.CHANGED,
        kind="event",
        id=recorded.event,
        name=state.name,
        before=event_body(before) if before else None,
        after=event_body(state),
    )
    return recorded.event


def _loses(transaction: SetupTransaction, before: EventState, after: EventState, *, confirmed: bool) -> None:
    """Removes the old code, and a name that no event has any more, from the filters of flows. Raises LosesValues unless confirmed (P12)."""
    if plain(before.code) != plain(after.code):
        dependents.values_gone(transaction, "event.code", [before.code], confirmed=confirmed)
    if plain(before.name) != plain(after.name) and not any(
        plain(name) == plain(before.name) for name in Event.objects.filter(account_id=transaction.account).values_list("name", flat=True)
    ):
        dependents.values_gone(transaction, "event.name", [before.name], confirmed=confirmed)


def set_event_tags(transaction: SetupTransaction, id: int, tags: Sequence[int], *, quiet: bool = False) -> None:
    """Sets the tags of an event. Raises Invalid, NotThere."""
    transaction.needs_event(id)
    save_event(transaction, replace(transaction.provider.event(id).state, tags=tuple(tags)), id, quiet=quiet)


def copy_event(
    transaction: SetupTransaction,
    original_id: int,
    *,
    code: str,
    name: str,
    start: datetime | Keep | None = KEEP,
    end: datetime | Keep | None = KEEP,
) -> int:
    """Creates an event with another's set-up and tags, without its registrations (P2). Returns its id.

    start, end: KEEP for those of the original.
    Raises Invalid, NotThere.
    """
    if not Event.objects.filter(pk=original_id).exists():
        raise NotThere(f"There is no event {original_id}.")
    original = transaction.provider.event(original_id)
    status = _first_status(transaction.provider.account(transaction.account), original.state.status)
    state = replace(original.state, code=code, name=name, status=status)
    state = replace(state, start=state.start if start is KEEP else start, end=state.end if end is KEEP else end)
    new = save_event(transaction, state)
    _copy_setup(transaction, original, new)
    return new


def _copy_setup(transaction: SetupTransaction, original: EventConfig, new: int) -> None:
    for row in original.statuses.values():
        event_setup.save_status(
            transaction, new, event_setup.StatusFacts(row.code, row.name, row.cls or StatusClass.PENDING, tuple(row.tags))
        )
    for kind in original.types.values():
        event_setup.save_type(transaction, new, event_setup.TypeFacts(kind.code, kind.name, tuple(kind.tags)))
    for question in original.questions.values():
        event_setup.save_question(
            transaction, new, event_setup.QuestionFacts(question.code, question.label, question.type, question.options, question.tag)
        )
    for flag in original.properties.values():
        event_setup.save_property(transaction, new, event_setup.PropertyFacts(flag.code, flag.name, tuple(flag.tags)))
    for session in original.sessions.values():
        event_setup.save_session(transaction, new, event_setup.SessionFacts(**{k: v for k, v in asdict(session).items() if k != "id"}))


def _checked(state: EventState, config: AccountConfig) -> EventState:
    """The state to store. Raises Invalid with everything that is wrong."""
    state = replace(state, code=state.code.strip(), name=state.name.strip(), location=state.location.strip())
    problems: dict[str, list[str]] = {}
    for field, longest in (("code", CODE_LENGTH), ("name", NAME_LENGTH), ("location", LOCATION_LENGTH)):
        text = getattr(state, field)
        if not text and field != "location":
            problems.setdefault(field, []).append(_("This is needed."))
        if len(text) > longest:
            problems.setdefault(field, []).append(_("At most %(most)s characters are possible.") % {"most": longest})
    for field, check, value in (
        ("code", event_code, state.code or "-"),
        ("name", storable, state.name),
        ("location", storable, state.location),
        ("timezone", validate_timezone, state.timezone),
    ):
        try:
            check(value)
        except ValidationError as error:
            problems.setdefault(field, []).extend(error.messages)
    if state.status not in config.event_statuses:
        problems["status"] = [_("There is no such event status.")]
    times: dict[str, datetime | None] = {}
    for field in ("start", "end"):
        try:
            times[field] = in_utc(getattr(state, field), field)
        except Invalid as error:
            problems |= {name: list(reasons) for name, reasons in error.fields.items()}
    if not problems and state.start and state.end and state.end < state.start:
        problems["end"] = [_("An event cannot end before it starts.")]
    try:
        custom = check_answers(state.custom, config.event_fields, "custom")
    except DocumentRefused as refused:
        custom = {}
        for problem in refused.problems:
            problems.setdefault(problem.field, []).append(problem.reason)
    if problems:
        raise Invalid(problems)
    return replace(
        state,
        custom=custom,
        tags=tuple(sorted(usable_tags(TagKind.EVENT, state.tags))),
        start=times["start"],
        end=times["end"],
    )
