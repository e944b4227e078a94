"""A response rule as a form: parsed from a post, changed by its buttons, and built from a rule's body (C7).

    c0-then, c0-lead …          the first clause (ClauseForm)
    c0-0-place, c0-0-name …     its first condition (ConditionForm)

It contains whatever was typed: only `domain.connection.response_rule` validates rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext_lazy

from heliograph.connections.rule_paths import quoted_path
from heliograph.domain.connection.response_rule import FAILURES, MAX_CLAUSES, MAX_CONDITIONS, How, ResponsePlace, Then
from heliograph.domain.delivery.outcomes import Lead
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_number
from heliograph.web.form_fields import Box, Select, TypedLine, TypedLines
from heliograph.web.forms import Form, posted_rows
from heliograph.web.shown_fields import Choice

HOWS: Final[Mapping[str, tuple[How, bool]]] = {
    "is": (How.IS, False),
    "is not": (How.IS, True),
    "contains": (How.CONTAINS, False),
    "does not contain": (How.CONTAINS, True),
    "is filled": (How.FILLED, False),
    "is empty": (How.FILLED, True),
}
_OF_HOW: Final = {how: name for name, how in HOWS.items()}
LONGEST: Final = 12_000
READ_CLAUSES, READ_CONDITIONS = 3 * MAX_CLAUSES, 3 * MAX_CONDITIONS
"""Most clauses and conditions that are read from a post.

They are more than a rule may have, so that a rule that is too long is refused and shown again instead of cut.
"""


class ConditionForm(Form):
    """A condition of a clause. In the labels, n is the number of the clause and m that of the condition, from 1."""

    place = Select(
        gettext_lazy("Clause %(n)d, condition %(m)d looks at"),
        options=[
            Choice(ResponsePlace.STATUS.value, gettext_lazy("the status")),
            Choice(ResponsePlace.BODY.value, gettext_lazy("the answer’s text")),
            Choice(ResponsePlace.JSON.value, gettext_lazy("JSON, at")),
            Choice(ResponsePlace.HEADER.value, gettext_lazy("the header")),
        ],
        any_value=True,
    )
    name = TypedLine(gettext_lazy("Clause %(n)d, condition %(m)d: path or header"), longest=LONGEST)
    how = Select(
        gettext_lazy("Clause %(n)d, condition %(m)d compares"),
        options=[Choice(name, gettext_lazy(name)) for name in HOWS],
        any_value=True,
    )
    values = TypedLines(gettext_lazy("Clause %(n)d, condition %(m)d: any of"), longest=LONGEST)


class ClauseForm(Form):
    """A clause without its conditions."""

    pairs = (("says", "shows"), ("retry_after", "renew"))

    then = Select(
        gettext_lazy("Then the answer counts as"),
        options=[Choice(Then.FAILED.value, gettext_lazy("failed")), Choice(Then.DELIVERED.value, gettext_lazy("delivered"))],
        any_value=True,
    )
    lead = Select(
        gettext_lazy("If delivered"),
        options=[
            Choice("", gettext_lazy("Nothing more is known")),
            Choice(Lead.CREATED.value, gettext_lazy("A lead was created")),
            Choice(Lead.UPDATED.value, gettext_lazy("A lead was updated")),
        ],
        any_value=True,
    )
    category = Select(
        gettext_lazy("Category"),
        options=[Choice(each.value, gettext_lazy(each.value)) for each in FAILURES],
        any_value=True,
        help=gettext_lazy("Decides when it is tried again: Connection soonest, Config last."),
    )
    says = TypedLine(gettext_lazy("What the item says"), longest=LONGEST, optional=True)
    shows = TypedLine(gettext_lazy("Take the reason from"), longest=LONGEST, optional=True, placeholder="errors[0].message")
    retry_after = TypedLine(
        gettext_lazy("Pause the connection for"),
        longest=LONGEST,
        optional=True,
        inputmode="numeric",
        help=gettext_lazy("Seconds, at most a day."),
    )
    renew = Box(gettext_lazy("Refused: get a new one"), legend=gettext_lazy("Access token"), sub=gettext_lazy("OAuth2 only"))


@dataclass(slots=True)
class ConditionDraft:
    """A condition as it was typed: the fields of ConditionForm."""

    place: str = ResponsePlace.STATUS.value
    name: str = ""
    how: str = "is"
    values: str = ""
    """One a line."""


@dataclass(slots=True)
class ClauseDraft:
    """A clause as it was typed: the fields of ClauseForm, and its conditions."""

    conditions: list[ConditionDraft] = field(default_factory=lambda: [ConditionDraft()])
    then: str = Then.FAILED.value
    lead: str = ""
    category: str = Category.GENERAL.value
    says: str = ""
    shows: str = ""
    retry_after: str = ""
    renew: bool = False


def of_body(rule: Sequence[Any]) -> list[ClauseDraft]:
    """The clauses of a stored or proposed rule's body, for the form.

    A plain path that looks like JSONPath or JSON Pointer is quoted, because saving the form would otherwise change its meaning.
    """
    return [
        ClauseDraft(
            [_draft_of(each) for each in clause["if"]],
            clause["then"],
            clause.get("lead", ""),
            clause.get("category", Category.GENERAL.value),
            clause.get("says", ""),
            quoted_path(clause.get("shows", "")),
            str(clause.get("retry_after", "")),
            bool(clause.get("renew")),
        )
        for clause in rule
    ]


def _draft_of(body: Mapping[str, Any]) -> ConditionDraft:
    how = next(how for how in How if how.value in body)
    values = "" if how is How.FILLED else "\n".join(body[how.value])
    name = body.get("name", "")
    path = quoted_path(name) if body["in"] == ResponsePlace.JSON.value else name
    return ConditionDraft(body["in"], path, _OF_HOW[how, bool(body.get("unless"))], values)


def to_body(clauses: Sequence[ClauseDraft]) -> list[dict[str, object]]:
    """The rule's body, to be validated by `connections.answers.parse_rule`."""
    bodies: list[dict[str, object]] = []
    for clause in clauses:
        body: dict[str, object] = {"if": [_condition(each) for each in clause.conditions], "then": clause.then}
        if clause.then == Then.DELIVERED.value:
            body |= {"lead": clause.lead} if clause.lead else {}
        else:
            body["category"] = clause.category or Category.GENERAL.value
            body |= {name: text.strip() for name, text in (("says", clause.says), ("shows", clause.shows)) if text.strip()}
            if typed := clause.retry_after.strip():
                seconds = read_number(typed)
                body["retry_after"] = typed if seconds is None else seconds
            if clause.renew:
                body["renew"] = True
        bodies.append(body)
    return bodies


def _condition(draft: ConditionDraft) -> dict[str, object]:
    how, unless = HOWS.get(draft.how, (How.IS, False))
    body: dict[str, object] = {"in": draft.place}
    if draft.name.strip() and draft.place in (ResponsePlace.JSON.value, ResponsePlace.HEADER.value):
        body["name"] = draft.name.strip()
    body[how.value] = True if how is How.FILLED else [line.strip() for line in draft.values.splitlines() if line.strip()]
    return body | ({"unless": True} if unless else {})


def read(post: Mapping[str, str]) -> list[ClauseDraft]:
    """The clauses of a post, in order."""
    return [
        ClauseDraft(
            [ConditionDraft(**row.posted) for row in posted_rows(ConditionForm, post, f"{clause.prefix}-", READ_CONDITIONS)],
            **clause.posted,
        )
        for clause in posted_rows(ClauseForm, post, "c", READ_CLAUSES)
    ]


def changed(clauses: list[ClauseDraft], do: str) -> bool:
    """Changes the clauses as a button of the form says. Returns False if `do` is no such button.

    do: one of these, with the positions of the clause and the condition, from 0:

        add         adds a clause
        up 1        moves a clause up
        down 1      moves a clause down
        drop 1      removes a clause
        more 1      adds a condition to a clause
        less 1 0    removes a condition of a clause
    """
    what, *numbers = do.split()
    if not all(number.isascii() and number.isdigit() and len(number) < 3 for number in numbers):
        return False
    match what, [int(number) for number in numbers]:
        case "add", []:
            clauses.append(ClauseDraft())
        case "up", [clause] if 0 < clause < len(clauses):
            clauses[clause - 1], clauses[clause] = clauses[clause], clauses[clause - 1]
        case "down", [clause] if clause + 1 < len(clauses):
            clauses[clause + 1], clauses[clause] = clauses[clause], clauses[clause + 1]
        case "drop", [clause] if clause < len(clauses):
            del clauses[clause]
        case "more", [clause] if clause < len(clauses):
            clauses[clause].conditions.append(ConditionDraft())
        case "less", [clause, condition] if clause < len(clauses) and condition < len(clauses[clause].conditions):
            del clauses[clause].conditions[condition]
        case _:
            return False
    return True
