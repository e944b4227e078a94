"""Every rule is cited in code and tested by name, or listed as not built yet (docs/reference/rules.md)."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest
from tests.architecture import source

RULES = source.ROOT / "docs" / "reference" / "rules.md"
AREAS = {"N": 4, "P": 15, "I": 5, "C": 8, "F": 10, "M": 9, "D": 9, "X": 6, "Y": 1, "H": 5, "B": 7, "O": 21, "S": 9}
UNUSED = {"B1", "B2", "S8"}  # numbers of what nobody has begun
IDS = {f"{area}{number}" for area, last in AREAS.items() for number in range(1, last + 1)} - UNUSED
LINK = re.compile(r"\[([\w.]+)\]\(([^)]+)\)")

TABLES, _, WAITING = RULES.read_text("utf-8").partition("## Not yet")
BUILT = dict(re.findall(r"^\| ([A-Z]\d+) \| (.*) \|$", TABLES, re.MULTILINE))
NOT_YET = dict(re.findall(r"^- ([A-Z]\d+): (.*)$", WAITING, re.MULTILINE))


def tried() -> set[str]:
    """The rule IDs in the names of tests."""
    return {
        found[1]
        for module in source.tests()
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (found := re.match(r"test_([A-Z]\d+)_", node.name))
    }


def test_every_rule_stands_once() -> None:
    stated = Counter(re.findall(r"^(?:\| |- )([A-Z]\d+)(?: \||:)", TABLES + WAITING, re.MULTILINE))
    assert stated == Counter(IDS)
    assert BUILT.keys() | NOT_YET.keys() == IDS


@pytest.mark.parametrize("rule", sorted(BUILT))
def test_a_built_rule_leads_to_what_holds_it(rule: str) -> None:
    links = LINK.findall(BUILT[rule])
    assert links, "link the function that holds it"
    wrong = [symbol for symbol, path in links if not source.is_there((RULES.parent / path).resolve(), symbol)]
    assert not wrong, f"not there: {wrong}"


@pytest.mark.parametrize("rule", sorted(NOT_YET))
def test_what_a_rule_has_so_far_is_there(rule: str) -> None:
    wrong = [symbol for symbol, path in LINK.findall(NOT_YET[rule]) if not source.is_there((RULES.parent / path).resolve(), symbol)]
    assert not wrong, f"not there: {wrong}"


def test_every_built_rule_is_named_by_a_test() -> None:
    untried = BUILT.keys() - tried()
    assert not untried, f"no test is called test_<ID>_...: {sorted(untried)}"
