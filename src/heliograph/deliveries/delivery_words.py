"""What happened, in words about events and people: the sentences of the feed, of Retry and of the timeline.

Services return facts; pages turn them into words here. Everything goes through gettext; names of tags, statuses, flows and connections are
the account's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from http import HTTPStatus
from unicodedata import bidirectional
from zoneinfo import ZoneInfo

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from heliograph.deliveries.message_words import message_words
from heliograph.domain.delivery.action import ActionState, AttemptKind, Origin, QueueStatus
from heliograph.domain.delivery.outcomes import Cause
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.registration.change import Change, Facet, SubjectKind
from heliograph.domain.registration.facts import field_name, state_before
from heliograph.domain.setup.compiled_setup import EventConfig
from heliograph.store.instants import from_micros
from heliograph.store.queue.action_rows import StoredAction, StoredAttempt
from heliograph.web import isolation
from heliograph.web.date_texts import date_text
from heliograph.web.field_names import standard_name
from heliograph.web.templatetags.moments import soon_to_the_second

type Toned = tuple[str, str]
"""A tone of the tag `status` (web/templatetags/inline_components.py), and a word."""

TONES = {QueueStatus.RETRY: "wait", QueueStatus.ERROR: "wait", QueueStatus.FAILED: "failed", QueueStatus.DONE: "quiet"}


def isolated(name: str) -> str:
    """A name within a sentence, isolated: a right-to-left name would otherwise move a following number or full stop to its other side (UAX
    #9). So would a character in it that turns the direction of writing."""
    if (turned := isolation.isolated(name)) != name:
        return turned
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}" if any(bidirectional(c) in ("R", "AL") for c in name) else name


# --- changes


def happened(change: Change | None, account: AccountConfig, event: EventConfig | None) -> str:
    """A change as a part of a sentence: "status became Cancelled"."""
    if change is None or event is None:
        return _("changed; the details are no longer stored")
    if change.facets & Facet.CREATED:
        return _("created")
    if change.facets & Facet.EVENT_CREATED:
        return _("event created")
    if change.facets & Facet.SESSION_STATUS_CHANGED and change.session:
        session = event.sessions.get(change.session.session)
        status = account.session_statuses.get(change.session.status)
        return _("session %(session)s became %(status)s") % {
            "session": session.code if session else _("(deleted)"),
            "status": isolated(status.name) if status else _("a deleted one"),
        }
    if change.facets & Facet.STATUS_CHANGED and change.registration:
        status = account.status(change.registration.status, event)
        return _("status became %(status)s") % {"status": isolated(status.name) if status else _("a deleted one")}
    names = [field_words(name, account, event) for name in change.before]
    if "status" in change.before and change.event_state:
        status = account.event_statuses.get(change.event_state.status)
        return _("event status became %(status)s") % {"status": isolated(status.name) if status else _("a deleted one")}
    if not names:  # only its newest state is still kept
        return _("changed; the details are no longer stored")
    if len(names) == 1:
        return _("%(field)s changed") % {"field": names[0]}
    return ngettext("%(n)d field changed", "%(n)d fields changed", len(names)) % {"n": len(names)}


def field_words(field: str, account: AccountConfig, event: EventConfig) -> str:
    """The name of a changed field; the account's own names stay."""
    name = field_name(field, account, event)
    area, _dot, id = field.partition(".")
    return name if area in ("custom", "answer") or (area == "property" and int(id) > 0) else standard_name(name)


def sentence_of(change: Change | None, account: AccountConfig, event: EventConfig | None) -> str:
    """A change as a title: "Status became Cancelled"."""
    text = happened(change, account, event)
    return text[:1].upper() + text[1:]


def with_tags(name: str, tags: Iterable[int], account: AccountConfig) -> str:
    """A status with its tags: "New (tagged New)", "Press hold (no tag)"."""
    labels = [account.tags[tag].label for tag in sorted(tags) if tag in account.tags]
    if not labels:
        return _("%(name)s (no tag)") % {"name": name}
    return _("%(name)s (tagged %(tags)s)") % {"name": name, "tags": ", ".join(labels)}


def diff(change: Change, account: AccountConfig, event: EventConfig) -> list[tuple[str, str, str]]:
    """The differences of a change: (field, before, after), "" for empty. For a creation, all fields that it contained."""
    if change.kind is SubjectKind.SESSION_REGISTRATION and change.session:
        session = event.sessions.get(change.session.session)
        old = change.before.get("session_status")
        before = _session_status(int(str(old)), account) if old is not None else ""
        return [
            (
                _("Session %(code)s") % {"code": session.code if session else _("(deleted)")},
                before,
                _session_status(change.session.status, account),
            )
        ]
    if change.registration is not None:
        return _registration_diff(change, account, event)
    return _event_diff(change, account, event)


def _session_status(id: int, account: AccountConfig) -> str:
    status = account.session_statuses.get(id)
    return with_tags(status.name, status.tags, account) if status else _("a deleted one")


def _registration_diff(change: Change, account: AccountConfig, event: EventConfig) -> list[tuple[str, str, str]]:
    after = change.registration
    assert after is not None
    created = bool(change.facets & Facet.CREATED)
    before = None if created else state_before(change)
    fields: list[str] = list(change.before)
    if created:
        fields = ["status"]
        fields += ["attendee_type"] if after.attendee_type is not None else []
        fields += ["order_code"] if after.order_code else []
        fields += [f"profile.{name}" for name in after.profile]
        fields += [f"custom.{id}" for id in after.custom]
        fields += [f"answer.{id}" for id in after.answers]
        fields += [f"property.{id}" for id in after.properties]
    return [
        (field_words(field, account, event), _value(field, before, account, event) if before else "", _value(field, after, account, event))
        for field in fields
    ]


def _value(field: str, state: object, account: AccountConfig, event: EventConfig) -> str:
    area, dot, name = field.partition(".")
    if area == "status":
        status = account.status(state.status, event)  # type: ignore[attr-defined]
        return with_tags(status.name, status.tags, account) if status else ""
    if area == "attendee_type":
        attendee_type = event.types.get(state.attendee_type or 0)  # type: ignore[attr-defined]
        return attendee_type.name if attendee_type else ""
    if area == "property":
        return _("Yes") if int(name) in state.properties else _("No")  # type: ignore[attr-defined]
    if area == "active":
        return _("Yes") if state.active else _("No")  # type: ignore[attr-defined]
    if not dot:
        return value_text(getattr(state, area, ""))
    values = {"profile": "profile", "custom": "custom", "answer": "answers"}[area]
    known = getattr(state, values)
    return value_text(known.get(name if area == "profile" else int(name), ""))


def _event_diff(change: Change, account: AccountConfig, event: EventConfig) -> list[tuple[str, str, str]]:
    state = change.event_state
    if state is None:
        return []
    rows = []
    for field, was in change.before.items():
        area, dot, id = field.partition(".")
        now = state.custom.get(int(id), ()) if dot else getattr(state, area)
        if area == "status":
            was, now = (_event_status(int(str(v)), account) for v in (was, now))  # noqa: PLW2901
        if area == "tags":
            was, now = (", ".join(account.tags[t].label for t in v if t in account.tags) for v in (was, now))  # type: ignore[union-attr] # noqa: PLW2901
        rows.append((field_words(field, account, event), value_text(was), value_text(now)))
    return rows


def _event_status(id: int, account: AccountConfig) -> str:
    status = account.event_statuses.get(id)
    return with_tags(status.name, status.tags, account) if status else _("a deleted one")


def value_text(value: object) -> str:
    """A value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, (list, tuple)):
        return ", ".join(str(v) for v in value)
    if isinstance(value, datetime):
        return date_text(value.astimezone(ZoneInfo("UTC")), "j M Y, H:i") + " UTC"
    return str(value)


def saved_by(mark: str, names: dict[str, str]) -> str:
    """Who saved a change: a user's name, or another actor in words ("import 12")."""
    if mark in names:
        return _("by %(name)s, by hand") % {"name": names[mark]}
    kind, _colon, number = mark.partition(":")
    words = {
        "user": _("by a deleted user"),
        "token": _("by an API token"),
        "import": _("by import %(number)s") % {"number": number},
        "source": _("by a live source"),
        "demo": _("by the demo"),
        "command": _("by command line"),
    }
    return words.get(kind) or _("by %(name)s") % {"name": mark}


# --- deliveries


def did(action: StoredAction, attempt: StoredAttempt | None, connection: str, hindrance: str = "") -> str:
    """The result of an action, in one sentence.

    hindrance: what keeps an unsent action from being sent (`prospect_words.hindrance`)
    """
    where = {"connection": isolated(connection)}
    if action.state is ActionState.SUPERSEDED:
        return _("No longer needed: a newer change was sent first.")
    if action.state is ActionState.PENDING and hindrance:
        return f"{_('Not sent yet.')} {hindrance}"
    if action.state is ActionState.PENDING:
        return _("On its way to %(connection)s.") % where
    if attempt is not None and action.state is ActionState.SUCCESS:
        return _("Sent to %(connection)s, %(status)s in %(ms)s ms.") % (
            where | {"status": attempt.status or "", "ms": milliseconds(attempt.took)}
        )
    if action.state is ActionState.SUCCESS:
        return _("Sent to %(connection)s.") % where
    if action.state is ActionState.VALIDATION and action.message:
        return _("%(problem)s; nothing was sent to %(connection)s.") % (where | {"problem": message_words(action.message).rstrip(".")})
    return why(action, attempt, connection)


def why(action: StoredAction, attempt: StoredAttempt | None, connection: str) -> str:
    """Why an action failed, in one sentence that names the connection."""
    if action.cause is Cause.ANSWER and attempt is not None and attempt.status:
        return _("%(connection)s answered %(status)s.") % {"connection": isolated(connection), "status": answered(attempt.status)}
    return cause_of(action.cause, connection, action.message)


CAUSES = {
    Cause.DNS: gettext_lazy("The address of %(connection)s was not found."),
    Cause.NO_NAME_SERVER: gettext_lazy("Heliograph found no address for %(connection)s."),
    Cause.REFUSED: gettext_lazy("%(connection)s refused the connection."),
    Cause.TLS: gettext_lazy("No secure connection to %(connection)s was possible."),
    Cause.TIMEOUT: gettext_lazy("%(connection)s did not answer in time."),
    Cause.RESET: gettext_lazy("%(connection)s closed the connection."),
    Cause.GARBLED: gettext_lazy("%(connection)s did not answer in HTTP."),
    Cause.BLOCKED: gettext_lazy("Requests may not go to the address of %(connection)s."),
    Cause.FLOW_INACTIVE: gettext_lazy("The flow is off."),
    Cause.FLOW_INCOMPLETE: gettext_lazy("The flow is incomplete."),
    Cause.FLOW_MODE: gettext_lazy("It was made in the flow’s other mode, Live or Test."),
    Cause.FLOW_WATCH: gettext_lazy("The flow now watches for something else."),
    Cause.CONNECTION_GONE: gettext_lazy("The flow’s connection was deleted, or is incomplete."),
    Cause.MAPPING_GONE: gettext_lazy("The mapping was deleted."),
    Cause.FLOW_DELETED: gettext_lazy("The flow was deleted."),
    Cause.DESTINATION_REMOVED: gettext_lazy("The destination was removed from the flow."),
    Cause.ERASED: gettext_lazy("The person was erased."),
    Cause.CONTENT_REMOVED: gettext_lazy("Too late: its details were removed with age while it waited."),
    Cause.REPLAY_CANCELLED: gettext_lazy("Its replay was cancelled before it was sent."),
    Cause.DISCARDED: gettext_lazy("It was made in the flow’s other mode, Live or Test, and somebody discarded it."),
    Cause.EXCEPTION: gettext_lazy("Heliograph had an internal error."),
    Cause.POISON: gettext_lazy("Heliograph had an internal error."),
}


def refusal(connection: str, status: int, target_words: str = "") -> str:
    """A target's refusal as a sentence: "CRM answered 404 Not Found: no_service."

    target_words: the target's own words, see `refusals.Refusal`
    """
    facts = {"connection": isolated(connection), "status": answered(status), "said": isolated(target_words)}
    return _("%(connection)s answered %(status)s: %(said)s.") % facts if target_words else _("%(connection)s answered %(status)s.") % facts


def cause_of(cause: Cause | None, connection: str, message: str = "") -> str:
    """A cause in one sentence.

    message: the stored message, which stands for a cause without words of its own
    """
    words = CAUSES.get(cause) if cause else None
    if words is None:
        return f"{message_words(message).rstrip('.')}." if message else _("It failed.")
    return str(words) % {"connection": isolated(connection)}


def state_of(state: ActionState, *, is_held: bool = False) -> Toned:
    """The state of an action, in a word or two.

    is_held: whether its connection holds it, if it was never tried (`Prospect.is_held`)
    """
    match state:
        case ActionState.SUCCESS:
            return "success", _("Success")
        case ActionState.QUEUED:
            return "wait", _("Will be retried")
        case ActionState.FAILED:
            return "failed", _("Failed")
        case ActionState.VALIDATION:
            return "invalid", _("Validation error")
        case ActionState.SUPERSEDED:
            return "quiet", _("Replaced by newer data")
        case _ if is_held:
            return "wait", _("Held")
        case _:
            return "", _("Pending")


def delivery_state(state: ActionState, *, is_held: bool = False) -> Toned:
    """The state of a delivery now, in the words of the counts beside it: "Delivered", "Waiting", "Failed"."""
    tone, word = state_of(state, is_held=is_held)
    return tone, {ActionState.SUCCESS: _("Delivered"), ActionState.QUEUED: _("Waiting")}.get(state, word)


def attempt_state(state: ActionState) -> Toned:
    """The result of one attempt, by the state of the action after it. An attempt that will be retried has failed."""
    match state:
        case ActionState.SUCCESS:
            return "success", _("Delivered")
        case ActionState.VALIDATION:
            return "invalid", _("Validation error")
        case _:
            return "failed", _("Failed")


def attempt_name(attempt: StoredAttempt, number: int) -> str:
    """The name of an attempt.

    number: the automatic retries so far
    """
    match attempt.kind:
        case AttemptKind.FIRST:
            return _("First attempt")
        case AttemptKind.AUTO:
            return _("Retry %(n)d") % {"n": number}
        case AttemptKind.MANUAL:
            return _("Submitted by hand")


def origin_of(action: StoredAction) -> str:
    """How an action was created, if not in the usual way."""
    return {Origin.REPLAY: _("Replay"), Origin.RESENT: _("Sent by hand"), Origin.RECONSIDERED: _("Checked again")}.get(action.origin, "")


def waits_for_tag(count: int, text: str = "") -> str:
    """The number of runs that wait for a tag, in the words that every page uses: "894 wait for a tag".

    text: the number as shown, if it is not n
    """
    return ngettext("%(n)s waits for a tag", "%(n)s wait for a tag", count) % {"n": text or intcomma(count)}


def waits_for_flow(count: int, text: str) -> str:
    """The number of runs that wait for their flow, which was off when their tag came: "3 wait for their flow".

    text: the number as shown
    """
    return ngettext("%(n)s waits for its flow", "%(n)s wait for their flow", count) % {"n": text}


def next_try(due: int | None) -> str:
    """The time of the next try: "Next try 14:33:07".

    due: microseconds, 0 if it was submitted by hand, None if there is none
    """
    if due is None:
        return ""
    if due <= 0:
        return _("Next, at the front")
    return _("Next try %(time)s") % {"time": soon_to_the_second(from_micros(due))}


def answered(status: int) -> str:
    """A status code with its name: "401 Unauthorized"."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def milliseconds(micros: int) -> int:
    """Microseconds as milliseconds, rounded, at least 1."""
    return max(1, round(micros / 1000))
