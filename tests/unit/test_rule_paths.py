"""Paths of response rules in JSONPath and JSON Pointer: each leads where its plain path leads, or is refused with what to write (C7)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.connections.answers import parse_rule
from heliograph.connections.rule_form import of_body
from heliograph.connections.rule_paths import ForeignPath, plain_path, plain_rule, quoted_path
from heliograph.domain.connection.response_rule import Condition, first_match, read_rule
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.mapping.json_bodies import Body
from heliograph.domain.mapping.paths import MAX_INDEX, parse_path
from heliograph.setup.setup_errors import Invalid

ANSWER: dict[str, Any] = {"success": False, "errors": [{"code": 7}], "a": {"b": [1, 2], "c.d": "x", "e/f": "y"}, "$schema": "z", "ü": 1}


def failed_at(path: str, value: str) -> dict[str, Any]:
    return {"if": [{"in": "json", "name": path, "is": [value]}], "then": "failed", "shows": path}


@pytest.mark.parametrize(
    ("path", "plain", "value"),
    [
        ("$.success", "success", "false"),
        ("$['success']", "success", "false"),
        ("$ .success", "success", "false"),
        ("/success", "success", "false"),
        ("/errors/0/code", "errors[0].code", "7"),
        ("$.errors[0].code", "errors[0].code", "7"),
        ("$.a.b[0]", "a.b[0]", "1"),
        ('$["a"]["c.d"]', 'a["c.d"]', "x"),
        ("/a/c.d", 'a["c.d"]', "x"),
        ("/a/e~1f", "a.e/f", "y"),
        ("$.ü", "ü", "1"),
        ("$schema", "$schema", "z"),
        ("$['$schema']", "$schema", "z"),
        ("success", "success", "false"),
        ("a.b[1]", "a.b[1]", "2"),
    ],
)
def test_C7_JSONPath_and_JSON_Pointer_are_read(path: str, plain: str, value: str) -> None:
    assert plain_path(path) == plain
    rule = parse_rule([failed_at(path, value)])
    assert first_match(rule, TargetResponse(200, (), json.dumps(ANSWER).encode())) == 0
    assert rule[0].conditions[0].name == rule[0].shows == plain


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("$", "whole answer"),
        ("$.", "no JSONPath"),
        ("$.a..b", "every depth"),
        ("$..b", "every depth"),
        ("$.a[*]", "several entries"),
        ("$.*", "several entries"),
        ("$.a[0:2]", "several entries"),
        ("$.a['b','c']", "further conditions"),
        ("$.a[-1]", "from the end"),
        ("$.a[?@.b == 1]", "filter"),
        ("$.a[?match(@.b, '(a+)+$')]", "filter"),
        ("$" + "[?(" * 100, "no JSONPath"),
        (f"$.a[{MAX_INDEX + 1}]", "highest"),
        (f"/a/{MAX_INDEX + 1}", "highest"),
        ("/a/-", "behind the end"),
        ("/a~2", "~0"),
        ("#/a", "address"),
        ("$." + "a." * 16 + "a", "at most 16 steps"),
        ("$" + ".a" * 400, "500 characters"),
    ],
)
def test_C7_a_path_to_no_one_place_is_refused_by_name_with_what_to_write(path: str, advice: str) -> None:
    for rule in ([failed_at(path, "1")], [{"if": [{"in": "status", "is": ["200"]}], "then": "failed", "shows": path}]):
        with pytest.raises(Invalid) as refused:
            parse_rule(rule)
        ((place, (sentence,)),) = refused.value.fields.items()
        assert place in ("rule[0].if[0].name", "rule[0].shows")
        assert advice in sentence


def test_C7_what_is_stored_keeps_its_meaning_and_its_form_says_the_same() -> None:
    stored = [failed_at(path, "1") for path in ("$.success", "/errors/0", "$", "$.a[0]", "#/a.b", "$schema", "success")]
    before = read_rule(Body({"rule": stored}))  # as it was saved when these were names of fields
    shown = [quoted_path(clause.conditions[0].name) for clause in before]
    assert shown == ['["$"].success', '["/errors/0"]', '["$"]', '["$"].a[0]', '["#/a"].b', "$schema", "success"]
    assert [each.conditions[0].name for each in of_body([clause.to_body() for clause in before])] == shown
    again = parse_rule([failed_at(path, "1") for path in shown])
    assert [each.conditions[0].path for each in again] == [each.conditions[0].path for each in before]


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@given(st.lists(names | st.integers(0, MAX_INDEX), min_size=1, max_size=6))
def test_C7_a_path_in_any_notation_leads_to_the_same_place(steps: list[str | int]) -> None:
    json_path = "$" + "".join(f"[{json.dumps(step, ensure_ascii=False)}]" for step in steps)
    assert parse_path(plain_path(json_path), in_list=True) == tuple(steps)
    if not any(isinstance(step, str) and (step.isdigit() or step == "-") for step in steps):
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
        assert parse_path(plain_path(pointer), in_list=True) == tuple(steps)


@given(st.text(max_size=60) | st.text("$.[]'\"*?@:0/~#-()a ", max_size=30))
def test_C7_any_text_is_a_path_or_refused(text: str) -> None:
    plain = ""
    with suppress(ForeignPath):
        plain = plain_path(text)
    assert plain_path(plain) == plain


def test_C7_what_is_no_rule_is_left_for_its_reader() -> None:
    for rule in ([7], [{"if": 7}], [{"if": [7, {"in": "json", "name": 7}], "shows": []}], [{"if": [{"in": "header", "name": "/a"}]}]):
        assert plain_rule(rule) == rule


def test_C7_a_translated_path_is_the_plain_path_itself() -> None:
    (clause,) = parse_rule([failed_at("$.errors[0].code", "7")])
    assert clause.conditions[0] == Condition.from_body({"in": "json", "name": "errors[0].code", "is": ["7"]}, "if")
