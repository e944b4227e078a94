"""Response rules from a target's answers: proposed from a logged answer, and tried on it before they are saved (C7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.connections.rule_paths import plain_rule
from heliograph.deliveries.exchanges import exchange
from heliograph.domain.connection.response_rule import Condition, Rule, Then, classify_reply, match_of, read_rule
from heliograph.domain.connection.rule_proposal import propose
from heliograph.domain.connection.target_reply import UTF_8, TargetReply
from heliograph.domain.delivery.outcomes import Delivered, Lead
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import ABSENT
from heliograph.setup.errors import Invalid
from heliograph.store.database import Database
from heliograph.store.like import escaped
from heliograph.store.registrations import folded

OFFERED: Final = 100
"""Answers that are offered at once, the newest."""
SEARCHED: Final = 5_000
"""Answers of a connection that are searched for a registration, the newest."""
BEGINNING: Final = 40
"""Characters of an answer that tell it from others in a list."""


class NoAnswer(HeliographError):
    """There is no answer to go by: nothing came back, or its content is no longer kept."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A stored answer: secrets masked, and only the beginning of a long body (cut). connection: the one it came over."""

    reply: TargetReply
    connection: int
    cut: bool


@dataclass(frozen=True, slots=True)
class OfferedAnswer:
    """An answer that a rule can be tried on. at: microseconds; code, name: of the registration, "" for an event or for who was erased."""

    action: int
    n: int
    at: int
    status: int
    code: str
    name: str
    beginning: str


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What a rule makes of an answer. clause: which decides, counted from 0; None: the status alone. retry_after: seconds.

    delivered None: that cannot be told, since only the beginning of the answer was kept. absent: conditions, by number of their clause, that look
    where this answer has nothing.
    """

    delivered: bool | None
    clause: int | None
    lead: Lead | None = None
    category: Category | None = None
    message: str = ""
    retry_after: int = 0
    absent: Sequence[tuple[int, Condition]] = ()


def offered(db: Database, account: int, connection: int, text: str = "") -> list[OfferedAnswer]:
    """The newest answers of a connection whose content is kept. text: of the registration's code or name."""
    words = folded(text).split()
    where = "".join(f" AND r.search LIKE :w{i} ESCAPE '!'" for i in range(len(words)))
    rows = db.all(
        "SELECT t.action_id, t.n, t.at, t.status, r.code, r.name, c.response FROM (SELECT action_id, n, at, status FROM attempt"
        f" WHERE account_id = :account AND connection_id = :connection AND status IS NOT NULL ORDER BY at DESC LIMIT {SEARCHED}) t"
        " JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n JOIN action a ON a.id = t.action_id"
        f" LEFT JOIN registration r ON r.id = a.registration_id AND r.account_id = :account WHERE c.account_id = :account{where}"
        f" ORDER BY t.at DESC LIMIT {OFFERED}",
        {"account": account, "connection": connection} | {f"w{i}": f"%{escaped(word)}%" for i, word in enumerate(words)},
    )
    return [
        OfferedAnswer(action, n, at, status, code or "", name or "", " ".join(exchange("", kept).response_body[:400].split())[:BEGINNING])
        for action, n, at, status, code, name, kept in rows
    ]


def logged(db: Database, account: int, action: int, n: int) -> Logged:
    """The answer of an action's nth attempt. Raises NoAnswer."""
    rows = db.all(
        "SELECT t.connection_id, c.response FROM attempt t JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n"
        " WHERE t.account_id = :account AND c.account_id = :account AND t.action_id = :action AND t.n = :n",
        {"account": account, "action": action, "n": n},
    )
    if not rows:
        raise NoAnswer
    reply = _reply(rows[0][1])
    if reply is None:
        raise NoAnswer
    return Logged(reply, rows[0][0], reply.cut)


def _reply(kept: str) -> TargetReply | None:
    """A stored answer as rules see it; None if nothing came back."""
    answer = exchange("", kept)
    if answer.status is None:
        return None
    body = answer.response_body.encode("utf-8", "replace")  # it was read in the charset that its headers declare, and is kept as text
    return TargetReply(answer.status, answer.response_headers, body, cut=answer.truncated, charset=UTF_8)


def proposed(db: Database, account: int, action: int, n: int, then: Then) -> tuple[int, list[dict[str, object]]]:
    """(connection, the body of a rule) by which this answer, and others like it, mean `then`. Raises NoAnswer."""
    found = logged(db, account, action, n)
    return found.connection, [clause.to_body() for clause in propose(found.reply, then)]


def tried(db: Database, account: int, action: int, n: int, rule: Sequence[object]) -> RuleVerdict:
    """The result of this rule, saved or not, for a logged answer. Raises NoAnswer, and Invalid for an invalid rule."""
    found, read = logged(db, account, action, n), checked(rule)
    reply = found.reply
    match, outcome = match_of(read, reply), classify_reply(read, reply, db.now())
    absent = [(i, each) for i, clause in enumerate(read) for each in clause.conditions if each.finds(reply) is False]
    if match.open:
        return RuleVerdict(None, None, absent=absent)
    if isinstance(outcome, Delivered):
        return RuleVerdict(True, match.number, outcome.lead, absent=absent)
    return RuleVerdict(
        delivered=False,
        clause=match.number,
        category=outcome.category,
        message=outcome.message,
        retry_after=outcome.retry_after // SECOND,
        absent=absent,
    )


@dataclass(frozen=True, slots=True)
class UnmatchedCondition:
    """A condition that looked where no kept answer had anything.

    clause: the number of its clause, from 0. answers: how many answers were kept whole enough to tell, 0 for none. json: how many of these
    were JSON.
    """

    clause: int
    condition: Condition
    answers: int
    json: int


def unmatched_conditions(
    db: Database, account: int, connection: int, rule: Rule, tried_on: TargetReply | None = None
) -> list[UnmatchedCondition]:
    """The conditions whose path or header occurs in none of the newest answers of a connection, of those that are kept: at most OFFERED.

    tried_on: an answer that the rule was tried on, which is looked at as well.
    """
    if not any(each.name for clause in rule for each in clause.conditions):
        return []
    rows = db.all(
        "SELECT c.response FROM (SELECT action_id, n FROM attempt WHERE account_id = :account AND connection_id = :connection"
        f" AND status IS NOT NULL ORDER BY at DESC LIMIT {OFFERED}) t"
        " JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n WHERE c.account_id = :account",
        {"account": account, "connection": connection},
    )
    replies = [reply for (kept,) in rows if (reply := _reply(kept)) is not None] + ([tried_on] if tried_on else [])
    unmatched = []
    for number, clause in enumerate(rule):
        for condition in clause.conditions:
            results = [(each, result) for each in replies if (result := condition.finds(each)) is not None]
            if condition.name and not any(result for _, result in results):
                is_json = [each for each, _ in results if each.json is not ABSENT]
                unmatched.append(UnmatchedCondition(number, condition, len(results), len(is_json)))
    return unmatched


def checked(rule: Sequence[object]) -> Rule:
    """Parses a rule's body, in which JSONPath and JSON Pointer become plain paths. Raises Invalid, with the place."""
    try:
        return read_rule(Body({"rule": plain_rule(rule)}))
    except BodyError as error:
        raise Invalid({error.where: [f"{error.reason[:1].upper()}{error.reason[1:]}."]}) from None
