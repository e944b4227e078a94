"""The watch: looks at an account, opens and resolves its problems, and puts messages into the outbox (B4, O5).

Everything that a look changes is one transaction, so a problem exists exactly if its messages do. Any number of processes may look at once:
the database refuses a second open problem of the same cause, and a second message of the same key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from typing import Any, Final
from uuid import uuid4

from django.utils import translation

from heliograph.accounts.languages import STORED
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.notification.audience import Audience, Recipient, Topic
from heliograph.domain.notification.kinds import Kind
from heliograph.domain.notification.notification_settings import MAIL
from heliograph.domain.notification.problem_plan import AT_ONCE, FLAPS_WITHIN, Observed, Stored, is_part_of, plan
from heliograph.notifications.letter_words import letter_of, resolved_letter
from heliograph.notifications.letters import Letter, Phase
from heliograph.notifications.models import Message, MessageState, Problem
from heliograph.store.instants import from_micros, to_micros

_TAKEN_STATES: Final = (MessageState.SENT, MessageState.SENDING)
"""The states of messages that reached, or may reach, their recipients."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Whose problems are watched: an account, or the installation."""

    account: int
    name: str
    """Of the account."""
    zone: tzinfo
    audience: Audience
    now: int
    """Microseconds of the database's clock."""


def apply(watched: Watched, observed: Sequence[Observed], remaining: frozenset[str] = frozenset()) -> None:
    """Brings the problems up to date with what is observed, and tells people. In the caller's transaction and scope.

    remaining: keys of FAILED whose items are still there although they are no news any more
    """
    rows = {row.pk: row for row in Problem.objects.filter(account_id=watched.account, resolved=None)}
    stored = [
        Stored(row.pk, row.key, Kind(row.kind), to_micros(row.opened), row.openings, to_micros(row.calm_since) if row.calm_since else None)
        for row in rows.values()
        if row.kind in set(Kind)
    ]
    changes = plan(observed, stored, watched.now)
    at = from_micros(watched.now)
    going_on = [(_open(watched, each), each) for each in changes.opened]
    for problem, seen in changes.seen:
        row = rows[problem.id]
        _note_seen(row, seen)
        going_on.append((row, seen))
    for problem in changes.calmed:
        rows[problem.id].calm_since = at
        rows[problem.id].save(update_fields=["calm_since"])
    for problem in changes.resolved:
        _resolve(watched, rows[problem.id], silently=problem.kind in AT_ONCE or problem.key in remaining)
    begun = frozenset(each.connection for each in observed if each.kind is Kind.REFUSES and each.connection is not None)
    _put_news(watched, [(row, seen) for row, seen in going_on if row is not None], begun)


def _open(watched: Watched, seen: Observed) -> Problem | None:
    """The problem's new row; None if another process has just opened it."""
    since = from_micros(watched.now - FLAPS_WITHIN)
    openings = Problem.objects.filter(account_id=watched.account, key=seen.key, opened__gt=since).count() + 1
    row, is_new = Problem.objects.get_or_create(
        account_id=watched.account,
        key=seen.key,
        resolved=None,
        defaults={
            "kind": seen.kind.value,
            "since": seen.since,
            "opened": watched.now,
            "openings": openings,
            "number": seen.number,
            "facts": facts_of(seen),
        },
    )
    return row if is_new else None


def _note_seen(row: Problem, seen: Observed) -> None:
    facts = facts_of(seen)
    if row.calm_since is None and row.number == seen.number and row.facts == facts:
        return
    row.calm_since, row.number, row.facts = None, seen.number, facts
    row.save(update_fields=["calm_since", "number", "facts"])


def _resolve(watched: Watched, row: Problem, *, silently: bool) -> None:
    """Ends a problem, and writes so to everybody who got its message. A message that still waits for quiet hours, or for its next try, is dropped."""
    at = from_micros(watched.now)
    if not Problem.objects.filter(pk=row.pk, resolved=None).update(resolved=at):
        return  # another process was first
    about = Message.objects.filter(account_id=watched.account, problem_id=row.pk, phase=Phase.OPENED)
    if Kind(row.kind) not in AT_ONCE:
        about.filter(state=MessageState.WAITING).update(state=MessageState.NOT_NEEDED, ended=at)
    if silently:
        return
    seen = observed_of(row)
    messages = [each for each in about.filter(state__in=_TAKEN_STATES) if _still_wants(each, Kind(row.kind), watched.audience)]
    _put(
        watched,
        row,
        Phase.RESOLVED,
        lambda: resolved_letter(seen, watched.name, watched.now),
        [_recipient_of(message, watched) for message in messages],
    )


def _still_wants(message: Message, kind: Kind, audience: Audience) -> bool:
    """Whether the recipient of a message is told this kind still: no address that has stopped it since, nor anybody who wants none of it now,
    or may no longer sign in."""
    if message.way != MAIL:
        return True
    if message.user_id:
        wants = next((person.wants for person in audience.people if person.id == message.user_id), None)
        return wants is not None and kind not in wants.no_mail and bool(wants.ways_of(kind))
    ways = audience.account.ways_of(kind).union(*(rule.ways_of(kind) for rule in audience.rules.values()))
    return message.address in ways


def _recipient_of(message: Message, watched: Watched) -> Recipient:
    """The recipient of a message, with their quiet hours of today."""
    people = {person.id: person for person in watched.audience.people}
    person = people.get(message.user_id)
    quiet = person.wants.quiet if person else watched.audience.account.quiet
    return Recipient("connection" if message.way == "connection" else "mail", message.address, message.user_id, quiet)


def _put_news(watched: Watched, problems: Iterable[tuple[Problem, Observed]], begun: frozenset[int]) -> None:
    """Puts a message into the outbox for each recipient of each problem who has none yet, and whose time has come.

    begun: connections that refuse, perhaps not long enough to be a problem: their consequences wait until that is known
    """
    known = list(problems)
    if not known:
        return
    about = Message.objects.filter(account_id=watched.account, problem_id__in=[row.pk for row, _seen in known], phase=Phase.OPENED)
    written = {(message.problem_id, message.way, message.address.lower()) for message in about}
    refusals: dict[tuple[str, str], set[int]] = {}
    opened = {seen.connection for _row, seen in known if seen.kind is Kind.REFUSES}
    by_urgency = sorted(known, key=lambda each: each[1].kind is not Kind.REFUSES)
    for row, seen in by_urgency:
        if is_part_of(seen.kind, seen.connection, begun - opened):
            continue
        topic = Topic(seen.kind, seen.connection, seen.flows, seen.started_by)
        recipients = []
        for recipient in watched.audience.recipients(topic):
            to = (recipient.way, recipient.address.lower())
            if seen.kind is Kind.REFUSES and seen.connection is not None:
                refusals.setdefault(to, set()).add(seen.connection)
            waits_for = seen.since + recipient.waits_minutes * MINUTE if seen.kind is Kind.WAITS else 0
            is_known = (row.pk, *to) in written or is_part_of(seen.kind, seen.connection, refusals.get(to, ()))
            if not is_known and watched.now >= waits_for:
                recipients.append(recipient)
        if recipients:
            _put(watched, row, Phase.OPENED, partial(letter_of, seen, watched.name), recipients)


def _put(watched: Watched, row: Problem, phase: Phase, write: Callable[[], Letter], recipients: Sequence[Recipient]) -> None:
    for recipient in recipients:
        put_message(watched, f"{row.pk}:{phase}", Kind(row.kind), phase, write, recipient, problem=row.pk)


def put_message(
    watched: Watched, about: str, kind: Kind, phase: Phase, write: Callable[[], Letter], recipient: Recipient, *, problem: int = 0
) -> Message | None:
    """Puts a message into the outbox, in the caller's transaction. Returns None if it is there already.

    about: what it tells, such as "7:opened": the same is told once to each recipient
    write: the letter, in the recipient's language, which is active while it is called
    """
    with translation.override(watched.audience.language_of(recipient) or STORED):
        letter = write()
    now = from_micros(watched.now)
    due = recipient.quiet.end(now, watched.zone)
    message, is_new = Message.objects.get_or_create(
        account_id=watched.account,
        key=f"{about}:{recipient.way}:{recipient.address}",
        defaults={
            "uid": uuid4().hex,
            "problem_id": problem,
            "kind": kind.value,
            "phase": phase.value,
            "way": recipient.way,
            "address": recipient.address,
            "user_id": recipient.user,
            "title": letter.title[:300],
            "body": letter.to_body(),
            "due": to_micros(due),
            "in_quiet_hours": due > now,
            "created": watched.now,
        },
    )
    return message if is_new else None


def facts_of(seen: Observed) -> str:
    """What is stored of an observation, as JSON."""
    body = {
        "facts": dict(seen.facts),
        "connection": seen.connection,
        "flows": sorted(seen.flows),
        "started_by": seen.started_by,
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def observed_of(row: Problem) -> Observed:
    """The last observation of a stored problem."""
    body: Mapping[str, Any] = json.loads(row.facts)
    seen = Observed(row.key, Kind(row.kind), to_micros(row.since), row.number)
    return replace(seen, connection=body["connection"], flows=frozenset(body["flows"]), started_by=body["started_by"], facts=body["facts"])
