"""Proposes a response rule from a logged answer of the target, and tries a rule on an answer before it is saved (C7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from heliograph.connections.rule_paths import plain_rule
from heliograph.deliveries.exchanges import exchange
from heliograph.domain.connection.response_rule import Condition, Rule, Then, classify_response, first_match, match_of, read_rule
from heliograph.domain.connection.rule_proposal import propose
from heliograph.domain.connection.target_response import UTF_8, TargetResponse
from heliograph.domain.delivery.outcomes import Delivered, Lead
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import ABSENT
from heliograph.domain.sentence_template import whole_sentence
from heliograph.setup.setup_errors import Invalid
from heliograph.store.database import Database
from heliograph.store.like import contains_words
from heliograph.store.registrations import folded
from heliograph.store.where import Where

OFFERED: Final = 100
"""Most answers that are offered at once: the newest."""
SEARCHED: Final = 5_000
"""Most answers of a connection that are searched for a registration: the newest."""
BEGINNING: Final = 40
"""Characters from the beginning of an answer, by which a list distinguishes it from the others."""


class NoAnswer(HeliographError):
    """There is no answer to go by: nothing came back, or its content is no longer kept."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True, slots=True)
class Logged:
    """A stored answer, with its secrets masked."""

    response: TargetResponse
    connection: int
    """The id of the connection over which it came."""
    cut: bool
    """Whether only the beginning of its body was stored."""


@dataclass(frozen=True, slots=True)
class OfferedAnswer:
    """The answer to one attempt of an action, on which a rule can be tried."""

    action: int
    attempt: int
    """The number of the attempt."""
    at: int
    """The time of the attempt, in microseconds."""
    status: int
    code: str
    """The registration's code; "" if the subject is an event or was erased."""
    name: str
    """The name of the registration's person; "" if the subject is an event or was erased."""
    beginning: str
    """The first BEGINNING characters of the answer."""


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What a rule makes of an answer."""

    delivered: bool | None
    """None: undecidable, because only the beginning of the answer was stored and the rule reads the rest."""
    clause: int | None
    """The number of the clause that decides, from 0. None: no clause matches, so the status decides."""
    lead: Lead | None = None
    category: Category | None = None
    message: str = ""
    retry_after: int = 0
    """Seconds."""
    absent: Sequence[tuple[int, Condition]] = ()
    """The conditions whose path or header this answer lacks, each with the number of its clause."""


def newest_answers(db: Database, account: int, connection: int, text: str = "") -> list[OfferedAnswer]:
    """The newest answers of a connection whose content is stored.

    text: words of the registration's code or name; "" for all
    """
    where = Where("c.account_id = :account", account=account, connection=connection) & contains_words("r.search", folded(text).split())
    rows = db.all(
        "SELECT t.action_id, t.n, t.at, t.status, r.code, r.name, c.response FROM (SELECT action_id, n, at, status FROM attempt"
        f" WHERE account_id = :account AND connection_id = :connection AND status IS NOT NULL ORDER BY at DESC LIMIT {SEARCHED}) t"
        " JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n JOIN action a ON a.id = t.action_id"
        f" LEFT JOIN registration r ON r.id = a.registration_id AND r.account_id = :account WHERE {where.sql}"
        f" ORDER BY t.at DESC LIMIT {OFFERED}",
        where.params,
    )
    return [
        OfferedAnswer(
            action, attempt, at, status, code or "", name or "", " ".join(exchange("", response).response_body[:400].split())[:BEGINNING]
        )
        for action, attempt, at, status, code, name, response in rows
    ]


def read_logged(db: Database, account: int, action: int, attempt: int) -> Logged:
    """The answer of one attempt of an action. Raises NoAnswer."""
    rows = db.all(
        "SELECT t.connection_id, c.response FROM attempt t JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n"
        " WHERE t.account_id = :account AND c.account_id = :account AND t.action_id = :action AND t.n = :attempt",
        {"account": account, "action": action, "attempt": attempt},
    )
    if not rows:
        raise NoAnswer
    response = _read_response(rows[0][1])
    if response is None:
        raise NoAnswer
    return Logged(response, rows[0][0], response.cut)


def read_logged_of(db: Database, account: int, connection: int, action: int, attempt: int) -> Logged:
    """The answer of one attempt over a connection. Raises NoAnswer, also for an attempt over another connection."""
    logged = read_logged(db, account, action, attempt)
    if logged.connection != connection:
        raise NoAnswer
    return logged


def _read_response(stored: str) -> TargetResponse | None:
    """A stored response as rules read it; None if nothing came back."""
    logged = exchange("", stored)
    if logged.status is None:
        return None
    body = logged.response_body.encode("utf-8", "replace")  # it was decoded by the charset of its headers before it was stored as text
    return TargetResponse(logged.status, logged.response_headers, body, cut=logged.truncated, charset=UTF_8)


def propose_rule(db: Database, account: int, action: int, attempt: int, then: Then) -> tuple[int, list[dict[str, object]]]:
    """The answer's connection, and the body of a rule under which this answer and similar ones count as `then`. Raises NoAnswer."""
    answer = read_logged(db, account, action, attempt)
    return answer.connection, [clause.to_body() for clause in propose(answer.response, then)]


def try_rule(db: Database, account: int, action: int, attempt: int, rule: Sequence[object]) -> RuleEffect:
    """The result of this rule, saved or not, for a logged answer. Raises NoAnswer, and Invalid for an invalid rule."""
    answer = read_logged(db, account, action, attempt)
    return effect_of(parse_rule(rule), answer.response, db.now())


def effect_of(rule: Rule, response: TargetResponse, now: int) -> RuleEffect:
    """What a rule makes of an answer.

    now: the time in microseconds
    """
    match, outcome = match_of(rule, response), classify_response(rule, response, now)
    absent = [(i, each) for i, clause in enumerate(rule) for each in clause.conditions if each.finds(response) is False]
    if match.open:
        return RuleEffect(None, None, absent=absent)
    if isinstance(outcome, Delivered):
        return RuleEffect(True, match.number, outcome.lead, absent=absent)
    return RuleEffect(
        delivered=False,
        clause=match.number,
        category=outcome.category,
        message=outcome.message,
        retry_after=outcome.retry_after // SECOND,
        absent=absent,
    )


@dataclass(frozen=True, slots=True)
class UnmatchedCondition:
    """A condition whose path or header occurs in no stored answer."""

    clause: int
    """The number of its clause, from 0."""
    condition: Condition
    answers: int
    """The number of answers that were stored completely enough to decide that; it can be 0."""
    json: int
    """How many of these answers were JSON."""


def unmatched_conditions(
    db: Database, account: int, connection: int, rule: Rule, tried_on: TargetResponse | None = None
) -> list[UnmatchedCondition]:
    """The conditions whose path or header occurs in none of a connection's newest stored answers. It reads at most OFFERED answers.

    An answer that an earlier clause decides says nothing about the clauses after it, such as those of a preset about errors.

    tried_on: the answer on which the rule was tried; it is read as well
    """
    if not any(each.name for clause in rule for each in clause.conditions):
        return []
    rows = db.all(
        "SELECT c.response FROM (SELECT action_id, n FROM attempt WHERE account_id = :account AND connection_id = :connection"
        f" AND status IS NOT NULL ORDER BY at DESC LIMIT {OFFERED}) t"
        " JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n WHERE c.account_id = :account",
        {"account": account, "connection": connection},
    )
    responses = [response for (stored,) in rows if (response := _read_response(stored)) is not None] + ([tried_on] if tried_on else [])
    unmatched = []
    for number, clause in enumerate(rule):
        undecided = [each for each in responses if first_match(rule[:number], each) is None]
        for condition in clause.conditions:
            results = [(each, result) for each in undecided if (result := condition.finds(each)) is not None]
            if condition.name and not any(result for _, result in results):
                is_json = [each for each, _ in results if each.json is not ABSENT]
                unmatched.append(UnmatchedCondition(number, condition, len(results), len(is_json)))
    return unmatched


class NeverMatched(HeliographError):
    """No stored answer has the path or header of some conditions, so the rule may be wrong. Ask, then save it. conditions: these."""

    def __init__(self, conditions: Sequence[UnmatchedCondition]) -> None:
        super().__init__("No answer so far has what some conditions of the rule look for.")
        self.conditions = tuple(conditions)


def check_matched(db: Database, account: int, connection: int, rule: Rule, tried_on: TargetResponse | None = None) -> None:
    """Raises NeverMatched if there are stored answers, and none has the path or header of some conditions (`unmatched_conditions`)."""
    unmatched = [each for each in unmatched_conditions(db, account, connection, rule, tried_on) if each.answers]
    if unmatched:
        raise NeverMatched(unmatched)


def parse_rule(rule: Sequence[object]) -> Rule:
    """Parses a rule's body, in which JSONPath and JSON Pointer become plain paths. Raises Invalid, with the place."""
    try:
        return read_rule(Body({"rule": plain_rule(rule)}))
    except BodyError as error:
        raise Invalid({error.where: [whole_sentence(error.reason)]}) from None
