"""Response rules: the meaning of a target's response whose status does not state it (C7, D3, X2).

A rule is a list of clauses. The first clause whose conditions all hold decides; if there is none, the status decides. Conditions look at the
status, the text of the body, a path in its JSON, or a header. Texts are compared ignoring case and outer spaces. There are no patterns, so
that no rule can stall the engine, and nothing here raises for any response.

If a response was not read to its end, some conditions may be undecided. If the first clause that does not fail is undecided, so is the rule,
and the response never counts as delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, assert_never

from heliograph.domain.connection.target_response import TargetResponse, folded
from heliograph.domain.delivery.attempt_sentences import AttemptSentence
from heliograph.domain.delivery.outcomes import Cause, Delivered, Lead, Refused, classify_status, parse_retry_after
from heliograph.domain.delivery.retry_policy import SECOND, Category
from heliograph.domain.mapping import headers as header_rules
from heliograph.domain.mapping.json_bodies import Body, BodyError
from heliograph.domain.mapping.paths import ABSENT, Path, PathError, look_up, parse_path
from heliograph.domain.sentence_template import without_stop

MAX_CLAUSES: Final = 20
MAX_CONDITIONS: Final = 10
MAX_VALUES: Final = 20
MAX_TEXT: Final = 500
LONGEST_REASON: Final = 200
"""The most characters of the target's own reason that are stored."""
READ_REASON: Final = 2_000
"""The characters of the target's own reason that are read, before white space is removed."""
LONGEST_HOLD: Final = 86_400
FAILURES: Final = (Category.CONNECTION, Category.GENERAL, Category.CONFIG)
"""The categories that a clause may give to a failure."""


class ResponsePlace(StrEnum):
    """Where a condition looks."""

    STATUS = "status"
    BODY = "body"
    JSON = "json"
    HEADER = "header"


class How(StrEnum):
    """How a condition compares the value."""

    IS = "is"
    CONTAINS = "contains"
    FILLED = "filled"
    """It is present, and neither null nor empty."""


class Then(StrEnum):
    """The effect of a clause on a response."""

    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Condition:
    """One check of an answer. Raises BodyError if it is invalid."""

    place: ResponsePlace
    how: How
    name: str = ""
    """A path in JSON, or a header."""
    values: tuple[str, ...] = ()
    """Any of them matches; for a status also a range (200-299)."""
    unless: bool = False
    """Negates the check."""
    path: Path = field(default=(), init=False, compare=False, repr=False)
    ranges: tuple[tuple[int, int], ...] = field(default=(), init=False, compare=False, repr=False)
    texts: tuple[str, ...] = field(default=(), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.how is How.FILLED and (self.values or self.place is ResponsePlace.STATUS):
            raise BodyError("", "say which status, or what the text is compared with")
        if self.how is not How.FILLED and (not self.values or any(not value.strip() for value in self.values)):
            raise BodyError(self.how.value, "say what to compare with")
        if self.name and self.place in (ResponsePlace.STATUS, ResponsePlace.BODY):
            raise BodyError("name", "the %(place)s has no parts with names", place=self.place)
        if self.place is ResponsePlace.STATUS:
            if self.how is not How.IS:
                raise BodyError("contains", "a status is one, or in a range such as 200-299")
            object.__setattr__(self, "ranges", tuple(_range(value) for value in self.values))
        elif self.place is ResponsePlace.JSON:
            try:
                object.__setattr__(self, "path", parse_path(self.name, in_list=True))
            except PathError as error:
                raise BodyError("name", without_stop(error.sentence)) from None
        elif self.place is ResponsePlace.HEADER and not header_rules.is_name(self.name):
            raise BodyError("name", "“%(name)s” is not a header name", name=self.name)
        object.__setattr__(self, "texts", tuple(folded(value) for value in self.values))

    def holds(self, response: TargetResponse) -> bool | None:
        """Whether the condition holds for a response. None: undecided, because the response was not read far enough."""
        fits = self._fits(response)
        return None if fits is None else fits != self.unless

    def finds(self, response: TargetResponse) -> bool | None:
        """Whether the response has a value at the condition's path or header. None: undecided, because it was not read far enough."""
        match self.place:
            case ResponsePlace.JSON:
                return None if response.cut else look_up(response.json, self.path) is not ABSENT
            case ResponsePlace.HEADER:
                return any(key == self.name.lower() for key, _ in response.headers)
            case _:
                return True

    def _fits(self, response: TargetResponse) -> bool | None:
        match self.place:
            case ResponsePlace.STATUS:
                return any(first <= response.status <= last for first, last in self.ranges)
            case ResponsePlace.BODY:
                if self._compare([response.folded]):
                    return True
                # what was read may be the beginning of a text that fits
                may_fit = response.cut and (self.how is not How.IS or any(text.startswith(response.folded) for text in self.texts))
                return None if may_fit else False
            case ResponsePlace.JSON if response.cut:
                return None
            case ResponsePlace.JSON:
                if self.how is How.FILLED:
                    return look_up(response.json, self.path) not in (ABSENT, None, "", [], {})
                return self._compare([folded(text) for text in response.texts_at(self.path)])
            case ResponsePlace.HEADER:
                name = self.name.lower()
                return self._compare([folded(value) for key, value in response.headers if key == name])
            case _:
                assert_never(self.place)

    def _compare(self, texts: Sequence[str]) -> bool:
        if self.how is How.FILLED:
            return any(texts)
        if self.how is How.IS:
            return any(text in self.texts for text in texts)
        return any(part in text for text in texts for part in self.texts)

    def to_body(self) -> dict[str, object]:
        """JSON that `from_body` reads back: {"in": "json", "name": "result[0].status", "is": ["created"]}."""
        body: dict[str, object] = {"in": self.place.value}
        if self.name:
            body["name"] = self.name
        body[self.how.value] = True if self.how is How.FILLED else list(self.values)
        if self.unless:
            body["unless"] = True
        return body

    @classmethod
    def from_body(cls, value: object, where: str) -> Condition:
        """Reads a condition. Raises BodyError."""
        body = Body(value, where)
        given = [how for how in How if body.has(how.value)]
        if len(given) != 1:
            raise BodyError(where, "expected one of %(names)s", names=", ".join(How))
        (how,) = given
        values: tuple[str, ...] = ()
        if how is not How.FILLED:
            values = body.texts(how.value, most=MAX_VALUES, longest=MAX_TEXT)
        elif not body.flag("filled"):
            raise BodyError(body.at("filled"), "expected true; what is not filled has unless")
        place, name, unless = body.choice("in", ResponsePlace), body.text("name", longest=MAX_TEXT), body.flag("unless")
        try:
            return cls(place, how, name, values, unless)
        except BodyError as error:
            raise _located(body, error) from None


@dataclass(frozen=True, slots=True)
class Clause:
    """If all conditions hold, the answer means `then`. Raises BodyError if it is invalid."""

    conditions: tuple[Condition, ...]
    then: Then
    lead: Lead | None = None
    """For a delivery: what the target did with the record (X2). All other fields are for a failure."""
    category: Category = Category.GENERAL
    says: str = ""
    """A sentence for the item page."""
    shows: str = ""
    """The path of the target's own reason."""
    retry_after: int = 0
    """Seconds for which the connection sends nothing."""
    renew: bool = False
    """The access token was refused: treated like a 401 (C4)."""
    path: Path = field(default=(), init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.conditions:
            raise BodyError("if", "a clause needs a condition")
        if self.then is Then.DELIVERED and (
            self.says or self.shows or self.retry_after or self.renew or self.category is not Category.GENERAL
        ):
            raise BodyError("then", "only a failure has a category, a reason or a rest")
        if self.then is Then.FAILED and self.lead is not None:
            raise BodyError("lead", "a failure has created and updated nothing")
        if self.category not in FAILURES:
            raise BodyError("category", "expected one of %(names)s", names=", ".join(FAILURES))
        if self.shows:
            try:
                object.__setattr__(self, "path", parse_path(self.shows, in_list=True))
            except PathError as error:
                raise BodyError("shows", without_stop(error.sentence)) from None

    def holds(self, response: TargetResponse) -> bool | None:
        """Whether all conditions hold for a response. None: undecided, because the response was not read far enough."""
        results = {condition.holds(response) for condition in self.conditions}
        return False if False in results else None if None in results else True

    def sentence(self, response: TargetResponse) -> str:
        """The text of the item page, without the target's own reason."""
        return self.says or AttemptSentence.RULE_FAILED.fill(status=response.status)

    def reason(self, response: TargetResponse) -> str:
        """The target's own reason, "" without one. It may contain secrets: never log or store it."""
        return " ".join(response.texts_at(self.path)) if self.path else ""

    def to_body(self) -> dict[str, object]:
        """JSON that `from_body` reads back. Defaults are omitted."""
        body: dict[str, object] = {"if": [condition.to_body() for condition in self.conditions], "then": self.then.value}
        if self.lead is not None:
            body["lead"] = self.lead.value
        if self.category is not Category.GENERAL:
            body["category"] = self.category.value
        return body | {name: value for name in ("says", "shows", "retry_after", "renew") if (value := getattr(self, name))}

    @classmethod
    def from_body(cls, value: object, where: str) -> Clause:
        """Reads a clause. Raises BodyError."""
        body = Body(value, where)
        conditions = tuple(Condition.from_body(item, at) for at, item in body.items("if", most=MAX_CONDITIONS))
        then = body.choice("then", Then)
        lead = body.choice("lead", Lead) if body.has("lead") else None
        category = body.choice("category", Category, Category.GENERAL)
        says, shows = body.text("says", longest=LONGEST_REASON), body.text("shows", longest=MAX_TEXT)
        retry_after, renew = body.number("retry_after", least=1, most=LONGEST_HOLD) or 0, body.flag("renew")
        try:
            return cls(conditions, then, lead, category, says, shows, retry_after, renew)
        except BodyError as error:
            raise _located(body, error) from None


type Rule = tuple[Clause, ...]


def read_rule(body: Body, key: str = "rule") -> Rule:
    """Parses the rule at a key of a body. Raises BodyError with the place and the reason."""
    return tuple(Clause.from_body(item, where) for where, item in body.items(key, most=MAX_CLAUSES))


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """The clause that decides."""

    number: int | None
    """Counted from 0. None: no clause decides, but the status."""
    open: bool = False
    """No clause decides because the answer was not read to its end."""


def match_of(rule: Rule, response: TargetResponse) -> RuleMatch:
    """The clause that decides, computed once for an answer and a rule."""
    known = response.memo.get(id(rule))
    if not isinstance(known, tuple) or known[0] is not rule:
        known = response.memo[id(rule)] = rule, _match(rule, response)
    rule_match: RuleMatch = known[1]
    return rule_match


def _match(rule: Rule, response: TargetResponse) -> RuleMatch:
    for number, clause in enumerate(rule):
        holds = clause.holds(response)
        if holds is None:
            return RuleMatch(None, open=True)
        if holds:
            return RuleMatch(number)
    return RuleMatch(None)


def first_match(rule: Rule, response: TargetResponse) -> int | None:
    """The number of the clause that decides, from 0. None: the status decides, or the response was not read far enough."""
    return match_of(rule, response).number


def with_reason(sentence: str, reason: str) -> str:
    """A message with the target's own reason, shortened. reason: without credentials."""
    reason = " ".join(reason.split())
    if not reason:
        return sentence
    return f"{sentence.removesuffix('.')}: {reason[:LONGEST_REASON]}{'…' if len(reason) > LONGEST_REASON else ''}"


def reason_of(rule: Rule, response: TargetResponse) -> str:
    """The target's own reason, if the deciding clause shows one. It may contain secrets: never log or store it."""
    number = first_match(rule, response)
    return rule[number].reason(response) if number is not None else ""


def classify_response(rule: Rule, response: TargetResponse, now: int, *, quotes: bool = True) -> Delivered | Refused:
    """The outcome of an answer on a connection with this rule.

    now: microseconds, for a Retry-After that is a date
    quotes: the message contains the target's own reason, without credentials. The engine adds it later (`reason_of`).
    """
    retry_after = next((value for name, value in response.headers if name == "retry-after"), None)
    match = match_of(rule, response)
    if match.number is None:
        by_status = classify_status(response.status, retry_after=retry_after, now=now)
        if match.open and isinstance(by_status, Delivered):
            return Refused(Category.GENERAL, Cause.RULE, AttemptSentence.ANSWER_TOO_LONG.fill(), left=True, status=response.status)
        return by_status
    clause = rule[match.number]
    if clause.then is Then.DELIVERED:
        return Delivered(response.status, clause.lead)
    return Refused(
        Category.CONFIG if clause.renew else clause.category,
        Cause.OAUTH if clause.renew else Cause.RULE,
        with_reason(clause.sentence(response), response.blotted(clause.reason(response)) if quotes else ""),
        left=True,
        status=response.status,
        retry_after=clause.retry_after * SECOND or parse_retry_after(retry_after, now),
    )


def refuses_token(rule: Rule, response: TargetResponse) -> bool:
    """True if the response says that the access token is not or no longer valid, although its status is not 401 (C4)."""
    number = first_match(rule, response)
    return number is not None and rule[number].renew


def counts_leads(rule: Rule) -> bool:
    """True if the rule reads from responses whether a record was created or updated. If no connection's rule does, pages show "-" (X2)."""
    return any(clause.lead is not None for clause in rule)


def _located(body: Body, error: BodyError) -> BodyError:
    return BodyError(body.at(error.where) if error.where else body.where, error.reason)


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.strip().partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) == 3 for part in (first, last or first)) or (dash and not last):
        raise BodyError("is", "“%(status)s” is neither a status such as 200 nor a range such as 200-299", status=text)
    if int(first) > int(last or first):
        raise BodyError("is", "“%(range)s” begins after its end", range=text)
    return int(first), int(last or first)
