"""Response rules from a target's answers: proposed from a logged answer, and tried on it before they are saved (C7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.deliveries.exchanges import exchange
from heliograph.domain.connection.response_rule import Rule, TargetReply, Then, classify_reply, first_match, read_rule
from heliograph.domain.connection.rule_proposal import propose
from heliograph.domain.delivery.outcomes import Delivered, Lead
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.errors import HeliographError
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.setup.errors import Invalid
from heliograph.store.database import Database


class NoAnswer(HeliographError):
    """There is no answer to go by: nothing came back, or its content is no longer kept."""


@dataclass(frozen=True, slots=True)
class Logged:
    """A stored answer: secrets masked, and only the beginning of a long body (cut). connection: the one it came over."""

    reply: TargetReply
    connection: int
    cut: bool


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """A rule's result for an answer. clause: the deciding one, counted from 0; None: the status decided. retry_after: seconds."""

    delivered: bool
    clause: int | None
    lead: Lead | None = None
    category: Category | None = None
    message: str = ""
    retry_after: int = 0
    cut: bool = False


def logged(db: Database, account: int, action: int, n: int) -> Logged:
    """The answer of an action's nth attempt. Raises NoAnswer."""
    rows = db.all(
        "SELECT t.connection_id, c.response FROM attempt t JOIN attempt_content c ON c.action_id = t.action_id AND c.n = t.n"
        " WHERE t.account_id = :account AND c.account_id = :account AND t.action_id = :action AND t.n = :n",
        {"account": account, "action": action, "n": n},
    )
    if not rows:
        raise NoAnswer
    kept = exchange("", rows[0][1])
    if kept.status is None:
        raise NoAnswer
    return Logged(
        TargetReply(kept.status, kept.response_headers, kept.response_body.encode("utf-8", "replace")), rows[0][0], kept.truncated
    )


def proposed(db: Database, account: int, action: int, n: int, then: Then) -> tuple[int, list[dict[str, object]]]:
    """(connection, the body of a rule) by which this answer, and others like it, mean `then`. Raises NoAnswer."""
    found = logged(db, account, action, n)
    return found.connection, [clause.to_body() for clause in propose(found.reply, then)]


def tried(db: Database, account: int, action: int, n: int, rule: Sequence[object]) -> RuleVerdict:
    """The result of this rule, saved or not, for a logged answer. Raises NoAnswer, and Invalid for an invalid rule."""
    found, read = logged(db, account, action, n), checked(rule)
    outcome = classify_reply(read, found.reply, db.now())
    number = first_match(read, found.reply)
    if isinstance(outcome, Delivered):
        return RuleVerdict(delivered=True, clause=number, lead=outcome.lead, cut=found.cut)
    return RuleVerdict(
        delivered=False,
        clause=number,
        category=outcome.category,
        message=outcome.message,
        retry_after=outcome.retry_after // SECOND,
        cut=found.cut,
    )


def checked(rule: Sequence[object]) -> Rule:
    """Parses a rule's body. Raises Invalid, with the place."""
    try:
        return read_rule(Body({"rule": list(rule)}))
    except BodyError as error:
        raise Invalid({error.where: [error.reason.capitalize() + "."]}) from None
