"""A response rule as a form: parsed from a post, changed by its buttons, and built from a rule's body (C7).

    c0.then, c0.lead, c0.category, c0.says, c0.shows, c0.retry_after, c0.renew    the first clause
    c0.0.in, c0.0.name, c0.0.how, c0.0.values                                     its first condition; values stand one a line

It contains whatever was typed: only `domain.connection.response_rule` validates rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.connections.rule_paths import quoted_path
from heliograph.domain.connection.response_rule import MAX_CLAUSES, MAX_CONDITIONS, How, ReplyPlace, Then
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.ids import read_number

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
"""Clauses and conditions that are read from a post: more than a rule may have, so that a rule that is too long is refused and shown again
instead of cut."""


@dataclass(slots=True)
class Looks:
    """A condition as it was typed."""

    place: str = ReplyPlace.STATUS.value
    name: str = ""
    how: str = "is"
    values: str = ""
    """One a line."""


@dataclass(slots=True)
class Says:
    """A clause as it was typed."""

    conditions: list[Looks] = field(default_factory=lambda: [Looks()])
    then: str = Then.FAILED.value
    lead: str = ""
    category: str = Category.GENERAL.value
    says: str = ""
    shows: str = ""
    retry_after: str = ""
    renew: bool = False


def of_body(rule: Sequence[Any]) -> list[Says]:
    """The clauses of a stored or proposed rule's body, for the form. A plain path that looks like JSONPath or JSON Pointer is quoted, because
    saving the form would otherwise change its meaning."""
    return [
        Says(
            [_looks(each) for each in clause["if"]],
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


def _looks(body: Mapping[str, Any]) -> Looks:
    how = next(how for how in How if how.value in body)
    values = "" if how is How.FILLED else "\n".join(body[how.value])
    name = body.get("name", "")
    path = quoted_path(name) if body["in"] == ReplyPlace.JSON.value else name
    return Looks(body["in"], path, _OF_HOW[how, bool(body.get("unless"))], values)


def to_body(clauses: Sequence[Says]) -> list[dict[str, object]]:
    """The rule's body, to be validated by `connections.answers.parse_rule`."""
    bodies: list[dict[str, object]] = []
    for clause in clauses:
        body: dict[str, object] = {"if": [_condition(each) for each in clause.conditions], "then": clause.then}
        if clause.then == Then.DELIVERED.value:
            body |= {"lead": clause.lead} if clause.lead else {}
        else:
            body["category"] = clause.category or Category.GENERAL.value
            body |= {name: text.strip() for name, text in (("says", clause.says), ("shows", clause.shows)) if text.strip()}
            if clause.retry_after.strip():
                body["retry_after"] = _number(clause.retry_after.strip())
            if clause.renew:
                body["renew"] = True
        bodies.append(body)
    return bodies


def _number(text: str) -> object:
    number = read_number(text)
    return text if number is None else number


def _condition(looks: Looks) -> dict[str, object]:
    how, unless = HOWS.get(looks.how, (How.IS, False))
    body: dict[str, object] = {"in": looks.place}
    if looks.name.strip() and looks.place in (ReplyPlace.JSON.value, ReplyPlace.HEADER.value):
        body["name"] = looks.name.strip()
    body[how.value] = True if how is How.FILLED else [line.strip() for line in looks.values.splitlines() if line.strip()]
    return body | ({"unless": True} if unless else {})


def read(post: Mapping[str, str]) -> list[Says]:
    """The clauses of a post, in order."""
    clauses = []
    for i in range(READ_CLAUSES):
        if f"c{i}.then" not in post:
            break

        def text(name: str, i: int = i) -> str:
            return post.get(f"c{i}.{name}", "")[:LONGEST]

        conditions = []
        for j in range(READ_CONDITIONS):
            if f"c{i}.{j}.in" not in post:
                break
            conditions.append(Looks(text(f"{j}.in"), text(f"{j}.name"), text(f"{j}.how"), text(f"{j}.values")))
        clauses.append(
            Says(
                conditions,
                text("then"),
                text("lead"),
                text("category"),
                text("says"),
                text("shows"),
                text("retry_after"),
                bool(text("renew")),
            )
        )
    return clauses


def changed(clauses: list[Says], do: str) -> bool:
    """Changes the clauses as a button of the form says. Returns False if `do` is no such button.

    do: "add"; "up 1", "down 1", "drop 1", "more 1" (a condition) with the number of a clause; "less 1 0" with that of a condition, too
    """
    what, *numbers = do.split()
    if not all(number.isascii() and number.isdigit() and len(number) < 3 for number in numbers):
        return False
    match what, [int(number) for number in numbers]:
        case "add", []:
            clauses.append(Says())
        case "up", [i] if 0 < i < len(clauses):
            clauses[i - 1], clauses[i] = clauses[i], clauses[i - 1]
        case "down", [i] if i + 1 < len(clauses):
            clauses[i + 1], clauses[i] = clauses[i], clauses[i + 1]
        case "drop", [i] if i < len(clauses):
            del clauses[i]
        case "more", [i] if i < len(clauses):
            clauses[i].conditions.append(Looks())
        case "less", [i, j] if i < len(clauses) and j < len(clauses[i].conditions):
            del clauses[i].conditions[j]
        case _:
            return False
    return True
