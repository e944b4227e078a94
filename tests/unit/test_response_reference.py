"""docs/reference/response-rules.md is correct: its table and its example are tested (C7)."""

from __future__ import annotations

import json
import re

import pytest
from tests.architecture import source

from heliograph.domain.connection.response_rule import MAX_CLAUSES, MAX_CONDITIONS, MAX_VALUES, Condition, read_rule
from heliograph.domain.connection.target_response import TargetResponse
from heliograph.domain.mapping.json_bodies import Body

TEXT = (source.ROOT / "docs" / "reference" / "response-rules.md").read_text("utf-8")
ANSWER = re.search(r"With the answer `(\{.*\})`", TEXT)[1]
ROWS = re.findall(r"^\| `(\{.*\})` \| (yes|no) \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("condition", "holds"), ROWS)
def test_C7_the_reference_is_right(condition: str, holds: str) -> None:
    reply = TargetResponse(200, [("content-type", "application/json")], ANSWER.encode())
    assert Condition.from_body(json.loads(condition), "if").holds(reply) is (holds == "yes")


def test_C7_the_references_example_is_a_rule_and_its_limits_are_so() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert len(read_rule(Body({"rule": json.loads(example)}))) == 4
    assert len(ROWS) == 10
    assert f"At most {MAX_CLAUSES} clauses, {MAX_CONDITIONS} conditions in each, {MAX_VALUES} texts" in TEXT
