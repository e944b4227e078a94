"""Response rules as JSON: what a target's answers mean where their status does not say it (C7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from heliograph.api.documents.shared_forms import Document, Id, Instant, numbers_of
from heliograph.connections import rule_words
from heliograph.connections.answers import OfferedAnswer, RuleEffect
from heliograph.connections.rule_paths import quoted_path
from heliograph.domain.connection.response_rule import Clause, Condition, How, ResponsePlace, Rule, Then
from heliograph.domain.connection.target_response import UTF_8, TargetResponse
from heliograph.domain.delivery.outcomes import Lead
from heliograph.setup.setup_errors import Invalid
from heliograph.store.instants import from_micros

type FailureCategory = Literal["Connection", "General", "Config"]


class ConditionDocument(Document):
    """One check of an answer."""

    place: Annotated[ResponsePlace, msgspec.Meta(description="Where it looks.")]
    how: Annotated[How, msgspec.Meta(description="How it compares: equal, containing, or neither missing nor empty.")] = How.IS
    name: Annotated[str, msgspec.Meta(description="The path in the JSON, or the header.")] = ""
    values: Annotated[list[str], msgspec.Meta(description="Any of them matches; of a status also a range, such as 200-299.")] = (
        msgspec.field(default_factory=list)
    )
    unless: Annotated[bool, msgspec.Meta(description="Negates it.")] = False

    @classmethod
    def from_condition(cls, condition: Condition) -> Self:
        """The document of a condition."""
        name = quoted_path(condition.name) if condition.place is ResponsePlace.JSON else condition.name
        return cls(place=condition.place, how=condition.how, name=name, values=list(condition.values), unless=condition.unless)

    @property
    def body(self) -> dict[str, object]:
        named = {"name": self.name} if self.name else {}
        is_bare = self.how is How.FILLED and not self.values
        return {"in": self.place.value, **named, self.how.value: True if is_bare else self.values, "unless": self.unless}


class ClauseDocument(Document):
    """If all conditions hold, the answer means `then`."""

    conditions: list[ConditionDocument]
    then: Then
    lead: Annotated[Lead | None, msgspec.Meta(description="Of a delivery: what the target did with the record.")] = None
    category: Annotated[FailureCategory, msgspec.Meta(description="Of a failure: decides when it is tried again.")] = "General"
    says: Annotated[str, msgspec.Meta(description="Of a failure: what the item says.")] = ""
    shows: Annotated[str, msgspec.Meta(description="Of a failure: the path of the target's own reason in the answer's JSON.")] = ""
    retry_after: Annotated[int | None, msgspec.Meta(description="Of a failure: seconds for which the connection is paused.")] = None
    renew: Annotated[bool, msgspec.Meta(description="Of a failure: the access token was refused; ask for another one.")] = False

    @classmethod
    def from_clause(cls, clause: Clause) -> Self:
        """The document of a clause."""
        return cls(
            conditions=[ConditionDocument.from_condition(each) for each in clause.conditions],
            then=clause.then,
            lead=clause.lead,
            category=clause.category.value,  # type: ignore[arg-type]  # FAILURES are these three
            says=clause.says,
            shows=quoted_path(clause.shows),
            retry_after=clause.retry_after or None,
            renew=clause.renew,
        )

    @property
    def body(self) -> dict[str, object]:
        return {
            "if": [each.body for each in self.conditions],
            "then": self.then.value,
            "lead": self.lead.value if self.lead else None,
            "category": self.category,
            "says": self.says,
            "shows": self.shows,
            "retry_after": self.retry_after,
            "renew": self.renew,
        }


class RuleDocument(Document):
    """The response rule of a connection: the first clause whose conditions all hold decides. If no clause does, the status decides."""

    clauses: list[ClauseDocument]

    @classmethod
    def from_rule(cls, rule: Rule) -> Self:
        """The document of a rule."""
        return cls(clauses=[ClauseDocument.from_clause(each) for each in rule])

    @property
    def body(self) -> list[dict[str, object]]:
        """The rule's body, for `connections.answers.parse_rule`."""
        return [each.body for each in self.clauses]


_MEMBERS: Final[dict[str, str]] = {
    "rule": "clauses",
    "if": "conditions",
    "in": "place",
    "is": "values",
    "contains": "values",
    "filled": "values",
}
"""The documents' members, where those of the body have other names."""


@contextmanager
def at_members() -> Iterator[None]:
    """Puts the errors of a rule's body at the members of the document."""
    try:
        yield
    except Invalid as error:
        fields: dict[str, Sequence[str]] = {}
        for where, sentences in error.fields.items():
            fields[re.sub(r"[a-z_]+", lambda part: _MEMBERS.get(part[0], part[0]), where)] = sentences
        raise Invalid(fields) from None


class AnswerPlace(Document):
    """A logged answer: of which attempt of which action."""

    action: Id
    attempt: Annotated[int, msgspec.Meta(ge=1, le=1_000_000, description="The number of the attempt.")]

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of the action and of the attempt. Raises Problem (400)."""
        return numbers_of("answer", [self.action])[0], self.attempt


class OfferedDocument(AnswerPlace):
    """A logged answer on which a rule can be tried."""

    at: Instant
    status: int
    registration: Annotated[str, msgspec.Meta(description="The code of the registration; empty if there is none.")]
    name: str
    beginning: str

    @classmethod
    def from_answer(cls, answer: OfferedAnswer) -> Self:
        """The document of a logged answer."""
        return cls(
            action=str(answer.action),
            attempt=answer.attempt,
            at=from_micros(answer.at),
            status=answer.status,
            registration=answer.code,
            name=answer.name,
            beginning=answer.beginning,
        )


class AnswerHeader(Document):
    """A header of an answer."""

    name: str
    value: str


class PastedAnswer(Document):
    """An answer that is pasted."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)]
    headers: list[AnswerHeader] = msgspec.field(default_factory=list)
    body: str = ""

    @property
    def response(self) -> TargetResponse:
        """The answer as rules read it."""
        headers = tuple((each.name.lower(), each.value) for each in self.headers)
        return TargetResponse(self.status, headers, self.body.encode("utf-8", "replace"), charset=UTF_8)


class RuleTrial(Document):
    """What to try: a rule on a logged or a pasted answer."""

    clauses: Annotated[list[ClauseDocument] | UnsetType, msgspec.Meta(description="The rule; absent: the connection's own.")] = UNSET
    answer: AnswerPlace | None = None
    pasted: PastedAnswer | None = None


class RuleProposalRequest(Document):
    """A logged answer, and what it should count as."""

    answer: AnswerPlace
    then: Then


class EffectDocument(Document):
    """What a rule makes of an answer."""

    delivered: Annotated[
        bool | None, msgspec.Meta(description="null: only the beginning of the answer was kept, and the rule looks at the rest.")
    ]
    clause: Annotated[int | None, msgspec.Meta(description="The clause that decides, from 1; null: the status does.")]
    lead: Lead | None
    category: str | None
    message: str
    retry_after: Annotated[int, msgspec.Meta(description="Seconds.")]
    notes: Annotated[list[str], msgspec.Meta(description="Conditions whose path or header this answer does not have.")]

    @classmethod
    def from_effect(cls, effect: RuleEffect, *, is_json: bool) -> Self:
        """The document of an effect.

        is_json: whether the answer is JSON
        """
        return cls(
            delivered=effect.delivered,
            clause=None if effect.clause is None else effect.clause + 1,
            lead=effect.lead,
            category=effect.category.value if effect.category else None,
            message=effect.message,
            retry_after=effect.retry_after,
            notes=[rule_words.nothing_at(clause + 1, each, is_json=is_json) for clause, each in effect.absent],
        )
