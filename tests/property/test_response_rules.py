"""Response rules compared with a naive oracle, and against arbitrary bytes (C7)."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heliograph.domain.connection.response_rule import (
    Clause,
    Condition,
    How,
    ResponsePlace,
    Rule,
    Then,
    classify_response,
    first_match,
    read_rule,
)
from heliograph.domain.connection.rule_proposal import propose
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.delivery.outcomes import Delivered, Refused, classify_status
from heliograph.domain.delivery.retry_policy import Category
from heliograph.domain.mapping.json_bodies import Body

NOW = 1_800_000_000_000_000
NAMES = st.sampled_from(["ok", "status", "result", "a"])
WORDS = st.sampled_from(["ok", "OK ", "true", "null", "1", "created", "é", "x y"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, width=16) | WORDS
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
PATHS = st.sampled_from(["ok", "status", "result[0].status", "[0].ok", "a.a", "a[1]", "result"])
STATUSES = st.sampled_from([200, 201, 204, 302, 400, 401, 404, 410, 429, 500, 503])
HEADERS = st.lists(st.tuples(st.sampled_from(["content-type", "retry-after", "x-a"]), WORDS | st.just("30")), max_size=3)
REPLIES = st.builds(TargetResponse, STATUSES, HEADERS, st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
VALUES = st.lists(WORDS, min_size=1, max_size=3).map(tuple)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    place, unless = draw(st.sampled_from(ResponsePlace)), draw(st.booleans())
    if place is ResponsePlace.STATUS:
        return Condition(place, How.IS, values=(draw(st.sampled_from(["200-299", "400", "401-499"])),), unless=unless)
    test = draw(st.sampled_from(How))
    name = (
        draw(PATHS)
        if place is ResponsePlace.JSON
        else draw(st.sampled_from(["Content-Type", "x-a"]))
        if place is ResponsePlace.HEADER
        else ""
    )
    return Condition(place, test, name, () if test is How.FILLED else draw(VALUES), unless)


@st.composite
def clauses(draw: st.DrawFn) -> Clause:
    looked = tuple(draw(st.lists(conditions(), min_size=1, max_size=3)))
    if draw(st.booleans()):
        return Clause(looked, Then.DELIVERED)
    category = draw(st.sampled_from([Category.CONNECTION, Category.GENERAL, Category.CONFIG]))
    return Clause(looked, Then.FAILED, category=category, shows=draw(st.just("") | PATHS), retry_after=draw(st.sampled_from([0, 60])))


RULES = st.lists(clauses(), max_size=4).map(tuple)


def plain(value: Any) -> list[str]:
    """The oracle's texts for a value."""
    texts = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, str):
            texts.append(entry)
        elif entry is None or isinstance(entry, bool):
            texts.append({None: "null", True: "true", False: "false"}[entry])
        elif isinstance(entry, float) and entry == entry // 1:
            texts.append(str(round(entry)))
        elif isinstance(entry, (int, float)):
            texts.append(json.dumps(entry))
    return texts


def compared(text: str) -> str:
    """The oracle's form of a text that is compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def written(reply: TargetResponse) -> str:
    """The oracle's text of an answer, which declares no charset."""
    marked = reply.body.startswith((b"\xff\xfe", b"\xfe\xff"))
    return reply.body.decode("utf-16" if marked else "utf-8-sig", "replace")


def oracle(condition: Condition, reply: TargetResponse) -> bool:
    """The result of a condition, computed in the plainest way."""

    def value_at(path: str) -> list[Any]:
        try:
            found: Any = json.loads(reply.body)
        except (ValueError, RecursionError):
            return []
        for step in path.replace("[", ".[").strip(".").split("."):
            key: Any = int(step[1:-1]) if step.startswith("[") else step
            if not isinstance(found, list if isinstance(key, int) else dict):
                return []
            if key not in (range(len(found)) if isinstance(found, list) else found):
                return []
            found = found[key]
        return [found]

    wanted = [compared(value) for value in condition.values]
    if condition.place is ResponsePlace.STATUS:
        first, _, last = condition.values[0].partition("-")
        result = int(first) <= reply.status <= int(last or first)
    else:
        if condition.place is ResponsePlace.BODY:
            texts = [written(reply)]
        elif condition.place is ResponsePlace.HEADER:
            texts = [value for name, value in reply.headers if name == condition.name.lower()]
        else:
            at = value_at(condition.name)
            if condition.how is How.FILLED:
                return (bool(at) and at[0] is not None and at[0] not in ("", [], {})) != condition.unless
            texts = plain(at[0]) if at else []
        folded = [compared(text) for text in texts]
        if condition.how is How.FILLED:
            result = any(folded)
        elif condition.how is How.IS:
            result = any(text in wanted for text in folded)
        else:
            result = any(want in text for text in folded for want in wanted)
    return result != condition.unless


@given(conditions(), REPLIES)
def test_C7_a_condition_agrees_with_the_oracle(condition: Condition, reply: TargetResponse) -> None:
    assert condition.holds(reply) is oracle(condition, reply)


@given(RULES, REPLIES)
def test_C7_the_first_match_wins(rule: Rule, reply: TargetResponse) -> None:
    matches = [all(oracle(condition, reply) for condition in clause.conditions) for clause in rule]
    number = matches.index(True) if True in matches else None
    assert first_match(rule, reply) == number
    outcome = classify_response(rule, reply, NOW)
    if number is None:
        asked = next((value for name, value in reply.headers if name == "retry-after"), None)
        assert outcome == classify_status(reply.status, retry_after=asked, now=NOW)
    elif rule[number].then is Then.DELIVERED:
        assert outcome == Delivered(reply.status)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.category is rule[number].category
        assert (outcome.retry_after > 0) >= (rule[number].retry_after > 0)


@given(RULES)
def test_C7_a_rule_survives_its_body(rule: Rule) -> None:
    body = json.loads(json.dumps([clause.to_body() for clause in rule]))
    assert read_rule(Body({"rule": body})) == rule


@given(RULES, st.integers(-1, 1000), st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3), st.binary(max_size=200))
def test_C7_nothing_raises_whatever_is_answered(rule: Rule, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
    reply = TargetResponse(status, headers, data)
    assert isinstance(classify_response(rule, reply, NOW), (Delivered, Refused))
    for then in Then:
        assert propose(reply, then)


@given(REPLIES)
def test_C7_what_is_proposed_fits_the_answer_that_it_was_made_from(reply: TargetResponse) -> None:
    assert isinstance(classify_response(propose(reply, Then.FAILED), reply, NOW), Refused)
    assert isinstance(classify_response(propose(reply, Then.DELIVERED), reply, NOW), Delivered)
